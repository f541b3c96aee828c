# Dormouse as an image: built once, run as nobody, with a read-only root file system and one writable volume.
FROM node:26-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
# The `node` package (optional) only serves machines whose own Node is older.
RUN npm ci --omit=optional --include=dev --no-audit --no-fund
COPY . .
RUN npm run build && npm prune --omit=dev --omit=optional --no-audit --no-fund

FROM node:26-bookworm-slim
LABEL org.opencontainers.image.title="dormouse" org.opencontainers.image.licenses="Apache-2.0"
ENV NODE_ENV=production DATA_DIR=/data PORT=3000
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
RUN mkdir /data && chown node:node /data && ln -s /app/dist/cli/main.js /usr/local/bin/dormouse && chmod +x /app/dist/cli/main.js
USER node
VOLUME /data
EXPOSE 3000
# HOST stays on loopback unless the operator says otherwise: see "Who may reach it" in docs/operations.md.
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/health/ready`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
STOPSIGNAL SIGTERM
CMD ["node", "--max-semi-space-size=1", "--expose-gc", "dist/main.js"]
