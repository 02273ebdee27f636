%% The same worker in OTP: a gen_server whose counters are in an ets table, which a manager inherits when it dies and gives to the
%% next one. Prints a line for each figure: the question, its column, nanoseconds (or what it is).
-module(bench).
-behaviour(gen_server).
-export([main/1, start_worker/1, start_manager/0, init/1, handle_call/3, handle_cast/2, handle_info/2]).

main([Question]) ->
    logger:set_primary_config(level, none),
    ask(Question),
    halt().

ask("calls") ->
    {ok, Worker} = start_worker(own),
    rounds(15, fun() -> say("calls", 0, each(20000, fun(N) -> gen_server:call(Worker, {add, N rem 16}) end)) end);
ask("casts") ->
    {ok, Worker} = start_worker(own),
    rounds(11, fun() ->
        Casts = fun() ->
            repeat(100000, fun(N) -> gen_server:cast(Worker, {add, N rem 16}) end),
            gen_server:call(Worker, {add, 0})
        end,
        say("casts", 0, timed(100000, Casts))
    end);
ask("callers") ->
    {ok, Worker} = start_worker(own),
    Columns = lists:enumerate(0, [2, 16, 256]),
    rounds(11, fun() -> [say("callers", Column, callers(Worker, Callers)) || {Column, Callers} <- Columns] end);
ask("recovery") ->
    {ok, _} = supervisor:start_link(?MODULE, pair),
    rounds(7, fun() ->
        Times = recovered(),
        say("recovery", 0, lists:nth(150, Times)),
        say("recovery", 1, lists:nth(297, Times))
    end);
ask("value") ->
    [say("value", Column, value(Added)) || {Column, Added} <- [{0, 0}, {1, 1000}]];
ask("rows") ->
    {ok, _} = supervisor:start_link(?MODULE, pair),
    sizes(10000000, fun(At, Size, From) ->
        gen_server:call(worker, {fill, From, Size}, infinity),
        rounds(3, fun() ->
            Times = recovered(),
            say("rows", At, lists:nth(150, Times)),
            say("rows", 8 + At, lists:nth(297, Times))
        end)
    end);
ask("workers") ->
    {ok, Supervisor} = supervisor:start_link(?MODULE, many),
    One = start_one(Supervisor),
    sizes(1000000, fun(At, Size, From) ->
        garbage_collect(),
        Before = erlang:memory(total),
        [start_one(Supervisor) || _ <- lists:seq(From, Size - 1)],
        garbage_collect(),
        Size > From andalso say("workers", 28 + At, (erlang:memory(total) - Before) / (Size - From)),
        rounds(5, fun() ->
            {Started, Stopped} = lists:unzip([start_and_stop(Supervisor) || _ <- lists:seq(1, 500)]),
            say("workers", At, lists:nth(250, lists:sort(Started))),
            say("workers", 7 + At, lists:nth(250, lists:sort(Stopped))),
            say("workers", 14 + At, each(10000, fun(N) -> gen_server:call(One, {add, N rem 16}) end)),
            All = list_to_tuple([Pid || {_, Pid, _, _} <- supervisor:which_children(Supervisor)]),
            Any = [element(rand:uniform(Size), All) || _ <- lists:seq(1, 10000)],
            say("workers", 21 + At, timed(10000, fun() -> [gen_server:call(Pid, {add, 0}) || Pid <- Any] end))
        end)
    end);
ask("storm") ->
    {ok, _} = supervisor:start_link(?MODULE, pair),
    rounds(5, fun() ->
        {Calm, _, _} = storm(infinity),
        {Stormy, Calls, Answers} = storm(10),
        [say("storm", Column, Figure)
         || {Column, Figure} <- lists:enumerate(0, [Calm, Stormy, Stormy / Calm, Calls, Answers])]
    end);
ask("lookups") ->
    [begin
        Column = 6 * Nth + 3 * Kind,
        Table = ets:new(rows, [set, protected]),
        [ets:insert(Table, {key(Kind, N), 1}) || N <- lists:seq(1, Size)],
        rounds(9, fun() ->
            Keys = keys(Kind, Size),
            say("lookups", Column, timed(50000, fun() -> overwrite(Table, Keys) end)),
            LookUp = fun() -> timed(50000, fun() -> look_up(Table, Keys) end) end,
            say("lookups", Column + 1, LookUp()),
            say("lookups", Column + 2, beside_a_writer(Table, Kind, Size, LookUp))
        end),
        ets:delete(Table)
     end || {Nth, Size} <- [{0, 1000}, {1, 1000000}], Kind <- [0, 1]],
    Table = ets:new(rows, [set, protected]),
    sizes(10000000, fun(At, Size, From) ->
        [ets:insert(Table, {key(0, N), 1}) || N <- lists:seq(From + 1, Size)],
        rounds(9, fun() ->
            Keys = keys(0, Size),
            say("lookups", 12 + At, timed(50000, fun() -> overwrite(Table, Keys) end)),
            say("lookups", 20 + At, timed(50000, fun() -> look_up(Table, Keys) end))
        end)
    end);
ask("memory") ->
    garbage_collect(),
    Before = erlang:memory(total),
    Workers = [element(2, start_worker(own)) || _ <- lists:seq(1, 100000)],
    garbage_collect(),
    say("memory", 0, (erlang:memory(total) - Before - 16 * length(Workers)) / length(Workers));
ask("start-stop") ->
    rounds(3, fun() ->
        {ok, Supervisor} = supervisor:start_link(?MODULE, many),
        say("start-stop", 0, each(100000, fun(_) -> supervisor:start_child(Supervisor, []) end)),
        unlink(Supervisor),
        Monitor = monitor(process, Supervisor),
        say("start-stop", 1, timed(100000, fun() ->
            exit(Supervisor, shutdown),
            receive {'DOWN', Monitor, _, _, _} -> ok end
        end))
    end).

%% In decades, each from where the last one was.
sizes(Most, Work) -> sizes(0, 1, 0, Most, Work).

sizes(At, Size, From, Most, Work) ->
    Short = os:getenv("HEIR_BENCHES_SHORT") =/= false andalso Size > 10000,
    if
        Size > Most; Short -> ok;
        true -> Work(At, Size, From), sizes(At + 1, 10 * Size, Size, Most, Work)
    end.

%% How long each of 300 crashes took, sorted. A supervisor goes through the restarts of the last second at each of them: so it first
%% forgets those of the round before.
recovered() ->
    timer:sleep(1100),
    lists:sort([each(1, fun(_) -> gen_server:cast(worker, {crash, 0}), until_answered() end) || _ <- lists:seq(1, 300)]).

start_one(Supervisor) ->
    {ok, Worker} = supervisor:start_child(Supervisor, []),
    Worker.

start_and_stop(Supervisor) ->
    Start = erlang:monotonic_time(nanosecond),
    Worker = start_one(Supervisor),
    Started = erlang:monotonic_time(nanosecond),
    ok = supervisor:terminate_child(Supervisor, Worker),
    {Started - Start, erlang:monotonic_time(nanosecond) - Started}.

%% Spread as the others' are, in as many bits as a small integer has here.
key(0, N) -> (N * 16#9E3779B97F4A7C15) band 16#3FFFFFFFFFFFFFF;
key(1, N) -> iolist_to_binary(io_lib:format("session-~16.16.0b", [key(0, N)])).

keys(Kind, Size) -> [key(Kind, rand:uniform(Size)) || _ <- lists:seq(1, 50000)].

overwrite(_, []) -> ok;
overwrite(Table, [Key | Keys]) -> ets:insert(Table, {Key, 2}), overwrite(Table, Keys).

look_up(_, []) -> ok;
look_up(Table, [Key | Keys]) -> ets:lookup(Table, Key), look_up(Table, Keys).

%% Only the owner may write: another process looks up.
beside_a_writer(Table, Kind, Size, LookUp) ->
    Self = self(),
    Keys = keys(Kind, Size),
    Reader = spawn_link(fun() -> receive go -> Self ! {looked_up, LookUp()} end end),
    Reader ! go,
    write_until_looked_up(Table, Keys, Keys).

write_until_looked_up(Table, [], Keys) -> write_until_looked_up(Table, Keys, Keys);
write_until_looked_up(Table, [Key | Rest], Keys) ->
    ets:insert(Table, {Key, 3}),
    receive {looked_up, Figure} -> Figure
    after 0 -> write_until_looked_up(Table, Rest, Keys)
    end.

%% 16 callers for half a second: calls a second, lost calls, lost answers.
storm(Between) ->
    Before = until_answered(),
    Self = self(),
    Start = erlang:monotonic_time(millisecond),
    Callers = [spawn_link(fun() -> Self ! {self(), call_until(Start + 500, 0, 0)} end) || _ <- lists:seq(1, 16)],
    crash_until(Start + 500, Between),
    Counts = [receive {Caller, Count} -> Count end || Caller <- Callers],
    Elapsed = (erlang:monotonic_time(millisecond) - Start) / 1000,
    {Answered, Lost} = lists:unzip(Counts),
    After = until_answered() - 1,
    {lists:sum(Answered) / Elapsed, lists:sum(Lost), max(0, lists:sum(Answered) - (After - Before))}.

call_until(End, Answered, Lost) ->
    case erlang:monotonic_time(millisecond) < End of
        false -> {Answered, Lost};
        true ->
            try gen_server:call(worker, {add, 0}) of
                _ -> call_until(End, Answered + 1, Lost)
            catch
                %% Nobody is there yet: nothing was sent.
                exit:{noproc, _} -> erlang:yield(), call_until(End, Answered, Lost);
                exit:_ -> call_until(End, Answered, Lost + 1)
            end
    end.

crash_until(End, infinity) -> timer:sleep(End - erlang:monotonic_time(millisecond));
crash_until(End, Between) ->
    case erlang:monotonic_time(millisecond) < End of
        true -> gen_server:cast(worker, {crash, 0}), timer:sleep(Between), crash_until(End, Between);
        false -> ok
    end.

callers(Worker, Callers) ->
    Self = self(),
    timed(40000, fun() ->
        Calls = 40000 div Callers,
        Call = fun(N) -> gen_server:call(Worker, {add, N rem 16}) end,
        [spawn_link(fun() -> repeat(Calls, Call), Self ! done end) || _ <- lists:seq(1, Callers)],
        [receive done -> ok end || _ <- lists:seq(1, Callers)]
    end).

value(Added) ->
    {ok, Supervisor} = supervisor:start_link(?MODULE, pair),
    repeat(100, fun(_) -> gen_server:call(worker, {add, 0}) end),
    gen_server:cast(worker, {crash, Added}),
    repeat(10, fun(_) -> gen_server:cast(worker, {add, 0}) end),
    Value = until_answered() - 1,
    unlink(Supervisor),
    exit(Supervisor, shutdown),
    timer:sleep(50),
    Value.

%% A call to a worker that has just died, or is not there yet, fails: it is made again.
until_answered() ->
    try gen_server:call(worker, {add, 0})
    catch exit:_ -> erlang:yield(), until_answered()
    end.

say(Question, Column, Figure) -> io:format("~s ~b ~.3f~n", [Question, Column, Figure / 1]).

rounds(Times, Round) -> [Round() || _ <- lists:seq(1, Times)].

each(Times, Work) -> timed(Times, fun() -> repeat(Times, Work) end).

timed(Times, Work) ->
    Start = erlang:monotonic_time(nanosecond),
    Work(),
    (erlang:monotonic_time(nanosecond) - Start) / Times.

repeat(0, _) -> ok;
repeat(N, Work) -> Work(N), repeat(N - 1, Work).

%% The worker, and its manager.

start_worker(own) -> gen_server:start(?MODULE, own, []);
start_worker(linked) -> gen_server:start_link(?MODULE, own, []);
start_worker(given) -> gen_server:start_link({local, worker}, ?MODULE, given, []).

start_manager() -> gen_server:start_link({local, manager}, ?MODULE, manager, []).

init(own) -> {ok, ets:new(counts, [set, protected])};
init(given) ->
    manager ! {ready, self()},
    receive {'ETS-TRANSFER', Counts, _, _} -> {ok, Counts} end;
init(manager) ->
    Counts = ets:new(counts, [set, protected, {heir, self(), counts}]),
    {ok, {has, Counts}};
init(pair) ->
    Flags = #{strategy => one_for_one, intensity => 1000000, period => 1},
    {ok, {Flags, [#{id => manager, start => {?MODULE, start_manager, []}},
                  #{id => worker, start => {?MODULE, start_worker, [given]}}]}};
init(many) ->
    {ok, {#{strategy => simple_one_for_one}, [#{id => worker, start => {?MODULE, start_worker, [linked]}}]}}.

handle_call({fill, From, To}, _From, Counts) ->
    [ets:insert(Counts, {key(0, N), N}) || N <- lists:seq(max(From, 1), To - 1)],
    {reply, ok, Counts};
handle_call({add, Key}, _From, Counts) -> {reply, ets:update_counter(Counts, Key, 1, {Key, 0}), Counts}.

handle_cast({add, Key}, Counts) -> ets:update_counter(Counts, Key, 1, {Key, 0}), {noreply, Counts};
handle_cast({crash, Added}, Counts) -> ets:update_counter(Counts, 0, Added, {0, 0}), exit(asked_to_die).

handle_info({ready, Worker}, {has, Counts}) -> ets:give_away(Counts, Worker, counts), {noreply, given};
handle_info({ready, Worker}, given) -> {noreply, {awaited, Worker}};
handle_info({'ETS-TRANSFER', Counts, _, _}, {awaited, Worker}) -> ets:give_away(Counts, Worker, counts), {noreply, given};
handle_info({'ETS-TRANSFER', Counts, _, _}, given) -> {noreply, {has, Counts}}.
