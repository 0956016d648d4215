# Counterhand in a container: its own Node and PostgreSQL come with `npm ci`, so the last stage is Debian and nothing else.
#
#   docker build -t counterhand .
#   docker run --init -p 127.0.0.1:4000:4000 -v counterhand:/data --env-file .env counterhand

FROM node:26-trixie-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
# The package `node` keeps headers, documents and a second name of its binary beside the one that runs: 68 MB, and 143 more
# where a copy does not keep hard links.
RUN npm ci --omit=dev --no-audit --no-fund && rm -rf node_modules/node/node_modules
COPY scripts scripts
RUN node_modules/.bin/node scripts/check-node.cjs
COPY src src
COPY sandbox sandbox
# Links to PostgreSQL's libraries, made here while the folder can still be written.
RUN node_modules/.bin/node -e 'import("./src/db/embedded/binaries.ts").then((it) => it.findPostgresBinaries("/app/pg-lib"))'

FROM debian:trixie-slim
# libatomic1: Node 26 is linked against it, and a slim Debian lacks it.
RUN apt-get update \
  && apt-get install -y --no-install-recommends libatomic1 \
  && rm -rf /var/lib/apt/lists/* \
  && useradd --uid 10001 --user-group --no-create-home --home-dir /data --shell /usr/sbin/nologin counterhand \
  && install -d -o counterhand -g counterhand -m 0700 /data
WORKDIR /app
COPY --from=dependencies /app/node_modules node_modules
COPY package.json ./
COPY drizzle drizzle
COPY src src
COPY sandbox sandbox
# The first in PATH is the Node of package.json.
ENV PATH=/app/node_modules/.bin:$PATH NODE_ENV=production DATA_DIR=/data HOST=0.0.0.0 PORT=4000
USER counterhand
VOLUME /data
EXPOSE 4000
# A start that changes large tables takes minutes (CHANGELOG.md), and would be called unhealthy after a short start period. A
# long one costs nothing: it ends with the first success.
HEALTHCHECK --interval=15s --timeout=5s --start-period=15m --start-interval=1s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/healthz`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
# Not through npm: the first process gets the SIGTERM of `docker stop`, and has to pass it on to nobody.
CMD ["node", "src/start.ts"]
