# The web page and the HTTP API in a container; docs/install.md shows how to run it.

FROM python:3.13-slim AS build
WORKDIR /source
COPY pyproject.toml hatch_build.py README.md LICENSE ./
COPY edge_runtime edge_runtime
RUN python -m venv /opt/edge-digits
ENV PATH=/opt/edge-digits/bin:$PATH
# opencv-python needs system libraries that the image does not have.
RUN pip install '.[heic,pdf,web]' \
    && pip uninstall --yes opencv-python opencv-python-headless \
    && pip install opencv-python-headless

FROM python:3.13-slim
COPY --from=build /opt/edge-digits /opt/edge-digits
ENV PATH=/opt/edge-digits/bin:$PATH
WORKDIR /data
USER 1000:1000
EXPOSE 8000
# Not with urllib: it would ask the proxy that Docker may have been told of.
HEALTHCHECK --start-period=30s --timeout=10s CMD ["python", "-c", "import http.client, sys; \
    server = http.client.HTTPConnection('127.0.0.1', 8000, timeout=5); \
    server.request('GET', '/health'); \
    sys.exit(server.getresponse().status != 200)"]
ENTRYPOINT ["edge-digits"]
# All interfaces, so a token is required: EDGE_DIGITS_TOKEN, or else a random one that is printed.
CMD ["serve", ":8000"]
