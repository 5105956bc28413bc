#!/usr/bin/env bash
# What a container runs: the app, and beside it Ollama where one is installed and looked for here.
#
# Fit to be process 1: SIGTERM, SIGINT and SIGHUP end the app first and Ollama after it, within the
# ten seconds Docker gives; bash reaps what others leave behind; the app's exit code is ours. Each
# of the two has a session of its own, so that nothing it started outlives it.
set -u
stop=
trap 'stop=wanted' TERM INT HUP # until there is something to stop
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

APP_SECONDS=7.5 # to end in; it ends itself after seven
OLLAMA_SECONDS=1
LONGEST_PAUSE=60

# SIGTERM to process $1; after $2 seconds at most SIGKILL to whatever is left of its session.
end() {
  kill -TERM "$1" 2>/dev/null
  timeout "$2" tail --pid="$1" -s 0.1 -f /dev/null
  kill -KILL -- "-$1" 2>/dev/null
}

# Nobody waits for Ollama: the app shows that it is coming up. It never listens but on loopback,
# since it has no login. Its own defaults would answer one caller at a time, and drop a model after
# five idle minutes, though a rented GPU has nothing else to do.
keep_ollama() {
  export OLLAMA_HOST=$ollama OLLAMA_MODELS=${OLLAMA_MODELS:-$data_dir/ollama}
  export OLLAMA_NUM_PARALLEL=${OLLAMA_NUM_PARALLEL:-4} OLLAMA_KEEP_ALIVE=${OLLAMA_KEEP_ALIVE:-1h}
  local pause=1 begun
  trap 'end $! "$OLLAMA_SECONDS"; exit' TERM HUP
  while true; do
    begun=$SECONDS
    setsid ollama serve &
    wait $!
    kill -KILL -- "-$!" 2>/dev/null # what it left running would keep the GPU's memory
    if ((SECONDS - begun > LONGEST_PAUSE)); then pause=1; fi
    echo "Ollama has ended and is started again in $pause s."
    sleep "$pause" &
    wait $!
    pause=$((pause * 2 < LONGEST_PAUSE ? pause * 2 : LONGEST_PAUSE))
  done
}

[ -x .venv/bin/python ] || { echo "Nothing is installed here yet: run «make install»." >&2; exit 1; }
start=$(.venv/bin/python -m lib.store.start) || exit 1
eval "$start" # serve, data_dir, ollama

keeper=
if [ "$ollama" ] && command -v ollama >/dev/null; then
  keep_ollama &
  keeper=$!
fi
setsid .venv/bin/$serve &
app=$!
trap 'stop=wanted; end "$app" "$APP_SECONDS"' TERM INT HUP
[ -z "$stop" ] || end "$app" "$APP_SECONDS"
wait "$app" # a signal breaks it off; the app has ended by then
wait "$app"
code=$?
[ -z "$keeper" ] || { kill -TERM "$keeper"; wait "$keeper"; }
# Told to stop, the app stops cleanly and then ends by that very signal, as uvicorn does.
[ "$stop" ] && [ "$code" -eq $((128 + 15)) ] && code=0
exit "$code"
