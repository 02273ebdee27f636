#!/usr/bin/env bash
# Expected: ets:info(Table, heir) says who will inherit, so a monitor of health may rely on it; an
# heir that dies is taken off its tables, or the owner is told.
# Happens (Erlang/OTP 25.2.3): a heir that is dead when the table is made becomes `none`. One that
# dies later stays in ets:info as if it were there; nobody is told; the table is deleted with its
# owner. A new process under the heir's old registered name inherits nothing: the heir is a pid.
# Why it matters: a restarted table manager must have itself set as heir again by the *owner*
# (ets:setopts, refused for anybody else), and no call tells the owner that it is time.
set -euo pipefail

version=1:25.2.3+dfsg-1+deb12u4
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

apt-get -qq download "erlang-base=$version" 2>log || { cat log; echo "could not get erlang-base"; exit 2; }
dpkg-deb -x ./*.deb root
export ROOTDIR="$work/root/usr/lib/erlang" EMU=beam PROGNAME=erl
BINDIR=$(echo "$ROOTDIR"/erts-*/bin)
export BINDIR

cat >probe.erl <<'ERLANG'
-module(probe).
-export([main/0]).

main() ->
    Dead = idle(), stop(Dead),
    io:format("heir dead from the start: ~p~n", [ets:info(ets:new(rows, [{heir, Dead, d}]), heir)]),
    Heir = idle(),
    register(manager, Heir),
    Self = self(),
    {Owner, Monitor} = spawn_monitor(fun() ->
        Self ! {table, ets:new(rows, [public, {heir, Heir, d}])},
        receive finish -> ok end
    end),
    Table = receive {table, T} -> T end,
    stop(Heir),
    io:format("heir died later, info still names it: ~p~n", [ets:info(Table, heir) =:= Heir]),
    register(manager, Self),
    io:format("set by the new manager: ~p~n",
              [try ets:setopts(Table, {heir, Self, d}) catch error:Why -> Why end]),
    Owner ! finish,
    receive {'DOWN', Monitor, process, Owner, normal} -> ok end,
    Got = receive {'ETS-TRANSFER', _, _, _} -> transfer after 0 -> nothing end,
    io:format("the new manager got ~p, the table is ~p~n", [Got, ets:info(Table)]).

idle() -> spawn(fun() -> receive stop -> ok end end).

stop(Pid) ->
    Monitor = monitor(process, Pid),
    Pid ! stop,
    receive {'DOWN', Monitor, process, Pid, _} -> ok end.
ERLANG

cat >expected <<'TEXT'
heir dead from the start: none
heir died later, info still names it: true
set by the new manager: badarg
the new manager got nothing, the table is undefined
TEXT

timeout 120 "$BINDIR/erlexec" -noshell -kernel logger_level none \
    -eval '{ok, _} = c:c(probe), probe:main(), halt().' </dev/null >seen 2>log ||
    { code=$?; cat seen log; case $code in
        2 | 124) echo "the machine was too busy: nothing is known"; exit 2 ;;
        *) echo "changed: the probe failed"; exit 1 ;;
    esac; }

if ! diff expected seen; then
    echo "changed: the lines with > are what happens now (< is what happened before)"
    exit 1
fi
cat seen
echo "as stated"
