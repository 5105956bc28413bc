#!/usr/bin/env bash
# What a container runs: the app, and beside it Ollama where one is looked for here, is installed
# and does not run yet.
#
# Fit to be process 1: SIGTERM, SIGINT and SIGHUP end the app first and Ollama after it, within the
# ten seconds Docker gives; bash reaps what others leave behind; the app's exit code is ours. Each
# of the two has a session of its own, so that nothing it started outlives it.
#
# shellcheck disable=SC2016,SC2086,SC2154 # eval sets variables; $serve is several words
set -u
stop=
trap 'stop=wanted' TERM INT HUP # until there is something to stop
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

APP_TENTHS=75 # of a second to end in; it ends itself after 70
OLLAMA_TENTHS=10
KEEPER_TENTHS=15 # with Ollama's
LONGEST_PAUSE=60 # s

# SIGTERM to child $1; after $2 tenths of a second at most SIGKILL to whatever is left of its session.
end() {
  local until=$((${EPOCHREALTIME//[.,]/} + $2 * 100000)) # µs
  kill -TERM "$1" 2>/dev/null
  while kill -0 "$1" 2>/dev/null && ((${EPOCHREALTIME//[.,]/} < until)); do sleep 0.1; done
  kill -KILL -- "-$1" 2>/dev/null
}

# Told once is enough: each further signal would start this anew and exceed Docker's ten seconds,
# and one that only broke off the waits below would take the app's exit code from us.
end_app() {
  trap '' TERM INT HUP
  stop=wanted
  end "$app" "$APP_TENTHS"
}

# Whether anything listens where Ollama is looked for, [::1]:11434 and the like included.
ollama_answers() {
  local host=${ollama%:*}
  timeout 1 bash -c ': <"/dev/tcp/$0/$1"' "${host//[][]/}" "${ollama##*:}" 2>/dev/null
}

# Nobody waits for Ollama: the app shows that it is coming up. It never listens but on loopback,
# since it has no login. Its own defaults would answer one caller at a time, and drop a model after
# five idle minutes, though a rented GPU has nothing else to do.
keep_ollama() {
  export OLLAMA_HOST=$ollama OLLAMA_MODELS=${OLLAMA_MODELS:-$data_dir/ollama}
  export OLLAMA_NUM_PARALLEL=${OLLAMA_NUM_PARALLEL:-4} OLLAMA_KEEP_ALIVE=${OLLAMA_KEEP_ALIVE:-1h}
  local pause=1 begun
  trap 'trap "" TERM HUP; [ -z "${!-}" ] || end $! "$OLLAMA_TENTHS"; exit' TERM HUP
  while true; do
    if ollama_answers; then
      echo "Ollama answers at $ollama already: the app uses that one."
      return
    fi
    if ! command -v ollama >/dev/null; then
      echo "No ollama in PATH: the app runs without one."
      return
    fi
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
if [ "$ollama" ]; then
  keep_ollama &
  keeper=$!
fi
setsid .venv/bin/$serve &
app=$!
trap end_app TERM INT HUP
[ -z "$stop" ] || end_app
wait "$app" # a signal breaks it off; the app has ended by then
trap '' TERM INT HUP # what follows is short, and nothing breaks it off
wait "$app"
code=$?
[ -z "$keeper" ] || end "$keeper" "$KEEPER_TENTHS"
# Told to stop, the app stops cleanly and then ends by that very signal, as uvicorn does.
[ "$stop" ] && [ "$code" -eq $((128 + 15)) ] && code=0
exit "$code"
