# Rhino with its data on a volume:
#
#     docker build -t rhino .
#     docker run -p 2379:2379 -v rhino:/data rhino
#
# The permissions are narrower than those of `deno task start`: of all files, only /data can be read and written.

FROM denoland/deno:2.9.6 AS rhino
WORKDIR /app
COPY deno.json deno.lock ./
COPY backends backends
COPY gen gen
COPY src src
# Dependencies are fetched now, at the locked versions, and never at run time.
ENV DENO_DIR=/app/.deno
RUN deno cache --frozen src/main.ts src/auth/bcrypt_worker.ts backends/*/mod.ts \
  && mkdir -p /data/db && chown -R deno:deno /data

USER deno
VOLUME /data
EXPOSE 2379
STOPSIGNAL SIGTERM
ENV RHINO_ENDPOINT=/data/db/state.db
# Snapshots are made in a file, of which only /data has room.
ENV TMPDIR=/data
ENTRYPOINT ["deno", "run", "--quiet", "--cached-only", "--frozen", "--no-prompt", \
  "--permission-set=serve", "--allow-read=/data,/app", "--allow-write=/data", \
  "--v8-flags=--min-semi-space-size=4,--max-semi-space-size=8", "src/main.ts"]
