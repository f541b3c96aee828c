# Dormouse as an image: built once, run as nobody, content with a read-only root file system. What it writes goes to
# DATA_DIR (/data: mount a volume there, or a tmpfs when both stores are shared) and nowhere else.
ARG NODE_IMAGE=node:26.10.0-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json ./
# No install script is needed here: the `node` package only serves machines whose own Node is older. Optional packages
# stay, as the compilers' native parts are among them.
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json nest-cli.json ./
COPY scripts ./scripts
COPY src ./src
# The AWS SDK is bundled into dist/ by then, down to a few calls (docs/decisions/0023).
RUN node scripts/build.mjs \
  && npm prune --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund \
  && rm -rf node_modules/@aws-sdk node_modules/@smithy

FROM ${NODE_IMAGE}
LABEL org.opencontainers.image.title="dormouse" \
  org.opencontainers.image.description="Notices idle CML workers on EC2, pauses them safely, and can tell for ever why." \
  org.opencontainers.image.licenses="Apache-2.0"
# Nothing is installed at run time.
RUN rm -rf /usr/local/lib/node_modules /usr/local/bin/npm /usr/local/bin/npx /opt/yarn-* /usr/local/bin/yarn /usr/local/bin/yarnpkg
ENV NODE_ENV=production DATA_DIR=/data PORT=3000
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
RUN mkdir -m 0700 /data && chown 1000:1000 /data \
  && chmod +x dist/cli/main.js && ln -s /app/dist/cli/main.js /usr/local/bin/dormouse
# The base image's user `node`, by number, so that a cluster can see that it is not root.
USER 1000:1000
EXPOSE 3000
# HOST stays on loopback unless the operator says otherwise: see "Who may reach it" in docs/operations.md.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/health/ready`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
STOPSIGNAL SIGTERM
# Node itself, without a shell or npm between it and the signals.
CMD ["node", "--max-semi-space-size=1", "--v8-pool-size=2", "--expose-gc", "dist/main.js"]
