# Kong Gateway 3.9 (the newest patch) with Node and the built plugin. Build stage `build` also serves the sample upstream and inbox.
ARG NODE=24-bookworm-slim
# The maintained open-source line: its tag moves to the newest patch, and so to the security patches of nginx.
ARG KONG=3.9

FROM node:${NODE} AS build
WORKDIR /opt/virtual-key
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY . .
RUN npm run build

FROM build AS production
RUN npm prune --omit=dev && rm -rf dist/dev dist/spec

FROM kong:${KONG}
USER root
# Node's binary needs the C++ runtime, which Kong's image does not promise.
RUN apt-get update && apt-get install -y --no-install-recommends libstdc++6 && rm -rf /var/lib/apt/lists/*
COPY --from=build /usr/local/bin/node /usr/local/bin/node
COPY --from=production /opt/virtual-key/node_modules /opt/virtual-key/node_modules
COPY --from=production /opt/virtual-key/package.json /opt/virtual-key/package.json
COPY --from=production /opt/virtual-key/dist /opt/virtual-key/dist
RUN chmod +x /opt/virtual-key/dist/cli/main.js && ln -s /opt/virtual-key/dist/cli/main.js /usr/local/bin/vk
USER kong
# The plugin server gets an empty environment: absolute paths, and settings as `env NAME=value` inside START_CMD.
# What Kong kills at a reload is the shell that waits: the plugin server goes on until the next one serves.
ENV KONG_PLUGINS=bundled,virtual-key \
    KONG_PLUGINSERVER_NAMES=js \
    KONG_PLUGINSERVER_JS_SOCKET=/usr/local/kong/js_pluginserver.sock \
    KONG_PLUGINSERVER_JS_QUERY_CMD="/usr/local/bin/node /opt/virtual-key/dist/plugins/virtual-key/server.js --dump" \
    KONG_PLUGINSERVER_JS_START_CMD="/usr/local/bin/node /opt/virtual-key/dist/plugins/virtual-key/server.js --kong-prefix /usr/local/kong --sock-name js_pluginserver.sock & wait"
