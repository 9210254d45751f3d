# distd and dist, static, in an image with nothing else but CA roots.
#
# With the binaries built by cargo xtask image (no base image is pulled):
#   cargo xtask image
# From source inside Docker, for this machine's processor or for both:
#   docker build -t dist .
#   docker buildx build --platform linux/amd64,linux/arm64 -t dist .

# source: built here · prebuilt: taken from target/image/root
ARG BINARIES=source

FROM rust:1.95-bookworm AS source
WORKDIR /source
COPY . .
# getrandom would otherwise open /dev/urandom, which an image from scratch need not have.
ENV RUSTFLAGS='-C target-feature=+crt-static --cfg getrandom_backend="linux_getrandom"'
RUN target="$(rustc --print host-tuple)" \
 && cargo build --release --locked --target "$target" --package distd --features client \
 && install -D "target/$target/release/distd" --target-directory /root-fs/usr/bin \
 && ln -s distd /root-fs/usr/bin/dist \
 && install -D --mode 0644 /etc/ssl/certs/ca-certificates.crt --target-directory /root-fs/etc/ssl/certs \
 && install --directory --mode 0750 /root-fs/data

FROM scratch AS prebuilt
COPY target/image/root /root-fs

FROM ${BINARIES} AS binaries

FROM scratch
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="dist" \
      org.opencontainers.image.description="git for releases: channels, promotion, rollback and install pages for app artifacts" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.documentation="docs/NAS.md"
COPY --from=binaries /root-fs/usr /usr
COPY --from=binaries /root-fs/etc /etc
COPY --from=binaries --chown=1000:1000 /root-fs/data /data
# The last: what a check of the store took goes back to be used again, instead of staying with the thread that had it.
ENV PATH=/usr/bin \
    DISTD_DATA=/data \
    DISTD_LISTEN=0.0.0.0:8080 \
    MALLOC_ARENA_MAX=2
USER 1000:1000
VOLUME /data
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s CMD ["/usr/bin/distd", "healthcheck"]
ENTRYPOINT ["/usr/bin/distd"]
CMD ["serve"]
