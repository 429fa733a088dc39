# A static binary (cgo for SQLite) in an empty image.
#
#   docker build -t orobridge .
#   docker run -d -v orobridge-state:/var/lib/orobridge -v ./config:/etc/orobridge:ro -e ORO_CLIENT_SECRET orobridge
#
# The config is /etc/orobridge/orobridge.yaml; it says state: { dir: /var/lib/orobridge }. Files that it names (keys,
# known_hosts) must be readable by user 65532. With admin: { listen: 127.0.0.1:8085 } the image's health is what the bridge answers to
# /livez; without, whether one holds the state.
#
# The one image that is built on is named by its exact version of Go. Whoever has a registry at hand pins its bytes as well:
#
#   docker build --build-arg GO=golang@$(docker buildx imagetools inspect golang:1.26.8-bookworm --format '{{.Manifest.Digest}}') .

ARG GO=golang:1.26.8-bookworm
FROM ${GO} AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=1 go build -trimpath \
        -tags 'sqlite_omit_load_extension osusergo netgo' \
        -ldflags '-s -w -linkmode external -extldflags -static' \
        -o /out/orobridge ./cmd/orobridge \
    && mkdir -p /out/state

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /out/orobridge /orobridge
COPY --from=build --chown=65532:65532 /out/state /var/lib/orobridge
USER 65532:65532
ENV OROBRIDGE_CONFIG=/etc/orobridge/orobridge.yaml
VOLUME /var/lib/orobridge
WORKDIR /var/lib/orobridge
EXPOSE 8085
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=10s --start-period=30s CMD ["/orobridge", "status", "--running"]
ENTRYPOINT ["/orobridge"]
CMD ["run"]
