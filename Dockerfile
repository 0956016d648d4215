# Counterhand in a container. `npm ci` installs its own Node and PostgreSQL, so the last stage is plain Debian.
#
#   docker build -t counterhand .
#   docker run --init -p 127.0.0.1:4000:4000 -v counterhand:/data --env-file .env counterhand

FROM node:26-trixie-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
# The package `node` also has headers, documentation and a second copy of its binary: 68 MB, and 143 MB more when a copy does
# not preserve hard links.
RUN npm ci --omit=dev --no-audit --no-fund && rm -rf node_modules/node/node_modules
COPY scripts scripts
RUN node_modules/.bin/node scripts/check-node.cjs
COPY src src
COPY sandbox sandbox
# Creates links to PostgreSQL's libraries while the folder is still writable.
RUN node_modules/.bin/node -e 'import("./src/db/embedded/binaries.ts").then((it) => it.findPostgresBinaries("/app/pg-lib"))'

FROM debian:trixie-slim
# Node 26 needs libatomic1, which slim Debian does not have.
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
# The first directory in PATH has the Node of package.json.
ENV PATH=/app/node_modules/.bin:$PATH NODE_ENV=production DATA_DIR=/data HOST=0.0.0.0 PORT=4000
USER counterhand
VOLUME /data
EXPOSE 4000
# A start that migrates large tables takes minutes (CHANGELOG.md), so the start period must be long. That costs nothing: it ends
# with the first success.
HEALTHCHECK --interval=15s --timeout=5s --start-period=15m --start-interval=1s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/healthz`).then((response) => process.exit(response.ok ? 0 : 1), () => process.exit(1))"]
# Not through npm, so that SIGTERM from `docker stop` reaches Node directly.
CMD ["node", "src/start.ts"]
