# Rhino with its data on a volume:
#
#     docker build -t rhino .
#     docker run --read-only -p 2379:2379 -v rhino:/data rhino
#
# What follows the image's name are Rhino's arguments. docs/deploying.md has the rest.

FROM denoland/deno:2.9.6 AS build
WORKDIR /app
COPY deno.json deno.lock LICENSE ./
COPY backends backends
COPY gen gen
COPY src src
# Everything that is imported is fetched now, at the locked versions, and nothing at run time. No import leads to Workers.
ENV DENO_DIR=/app/.deno
RUN deno cache --frozen src/main.ts src/*/*worker.ts backends/*/*worker.ts \
  && mkdir -p /data/db

# The same Deno without a shell or anything else to run.
FROM denoland/deno:distroless-2.9.6
LABEL org.opencontainers.image.title="Rhino" \
  org.opencontainers.image.description="A drop-in etcd v3 server whose data lives in SQL" \
  org.opencontainers.image.licenses="Apache-2.0" \
  org.opencontainers.image.version="0.1.0"
COPY --from=build /app /app
COPY --from=build --chown=65532:65532 /data /data

USER 65532:65532
WORKDIR /data
VOLUME /data
EXPOSE 2379 2381
STOPSIGNAL SIGTERM
# Health is asked for at an address of its own, so that it is found whatever the arguments say of the clients' address,
# and asks for no certificate.
ENV DENO_DIR=/app/.deno \
  DENO_NO_UPDATE_CHECK=1 \
  RHINO_ENDPOINT=/data/db/state.db \
  RHINO_LISTEN_METRICS_URLS=http://127.0.0.1:2381 \
  TMPDIR=/data
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
  CMD ["deno", "run", "--quiet", "--config=/app/deno.json", "--cached-only", "--frozen", "--no-prompt", \
  "--allow-env", "--allow-net", "--allow-sys=hostname", "--allow-read=/data,/app,/etc/rhino,/run/secrets", \
  "/app/src/main.ts", "health"]
# The widest rights that arguments may need: certificates and passwords are read below /etc/rhino and /run/secrets.
ENTRYPOINT ["deno", "run", "--quiet", "--config=/app/deno.json", "--cached-only", "--frozen", "--no-prompt", \
  "--allow-env", "--allow-net", "--allow-sys=hostname", "--allow-read=/data,/app,/etc/rhino,/run/secrets", \
  "--allow-write=/data", "--v8-flags=--min-semi-space-size=4,--max-semi-space-size=8", "/app/src/main.ts"]
