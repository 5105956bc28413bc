# docker build --target app -t playground .           pages and API
# docker build --target with-ollama -t playground .   and Ollama in the same container
# The Python that the tests run on.
ARG PYTHON=python:3.11.15-slim-bookworm

FROM ollama/ollama:0.30.6 AS ollama

FROM ${PYTHON} AS build
RUN apt-get update && apt-get install -y --no-install-recommends make && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY Makefile requirements.txt requirements.lock ./
RUN make install

FROM ${PYTHON} AS app
LABEL org.opencontainers.image.title="Gemini, or your own GPU?" \
      org.opencontainers.image.description="Playground and cost meter for hosted and own models"
# llama.cpp, the built-in model's engine, is linked against OpenMP.
RUN apt-get update && apt-get install -y --no-install-recommends libgomp1 \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 1000 --create-home app \
 && install -d -o app -g app -m 700 /data
WORKDIR /app
COPY --from=build /app/.venv .venv
COPY .streamlit .streamlit
COPY deploy deploy
COPY lib lib
COPY pages pages
COPY app.py ./
# Its user cannot write here, so Python would compile the same files at every start.
RUN .venv/bin/python -m compileall -q lib
# Named, not left to a default: a volume that cannot be written must stop the start.
ENV DATA_DIR=/data PYTHONUNBUFFERED=1
USER 1000:1000
VOLUME /data
EXPOSE 8501
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s CMD ["/app/.venv/bin/python", "/app/deploy/healthy.py"]
CMD ["/app/deploy/start.sh"]

FROM app AS with-ollama
COPY --from=ollama /usr/bin/ollama /usr/bin/ollama
COPY --from=ollama /usr/lib/ollama /usr/lib/ollama
# As in Ollama's own image: the container runtime gives GPUs and driver to whoever asks for them.
ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility \
    LD_LIBRARY_PATH=/usr/local/nvidia/lib:/usr/local/nvidia/lib64
