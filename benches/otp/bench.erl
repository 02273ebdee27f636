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
    rounds(25, fun() ->
        Times = lists:sort([each(1, fun(_) -> gen_server:cast(worker, {crash, 0}), until_answered() end)
                            || _ <- lists:seq(1, 300)]),
        say("recovery", 0, lists:nth(150, Times)),
        say("recovery", 1, lists:nth(297, Times))
    end);
ask("value") ->
    [say("value", Column, value(Added)) || {Column, Added} <- [{0, 0}, {1, 1000}]];
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

handle_call({add, Key}, _From, Counts) -> {reply, ets:update_counter(Counts, Key, 1, {Key, 0}), Counts}.

handle_cast({add, Key}, Counts) -> ets:update_counter(Counts, Key, 1, {Key, 0}), {noreply, Counts};
handle_cast({crash, Added}, Counts) -> ets:update_counter(Counts, 0, Added, {0, 0}), exit(asked_to_die).

handle_info({ready, Worker}, {has, Counts}) -> ets:give_away(Counts, Worker, counts), {noreply, given};
handle_info({ready, Worker}, given) -> {noreply, {awaited, Worker}};
handle_info({'ETS-TRANSFER', Counts, _, _}, {awaited, Worker}) -> ets:give_away(Counts, Worker, counts), {noreply, given};
handle_info({'ETS-TRANSFER', Counts, _, _}, given) -> {noreply, {has, Counts}}.
