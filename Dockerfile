# The runtime with video files and network streams, without torch:
#   docker build -t nitido . && docker run --rm -v "$PWD:/data" nitido denoise photo.jpg -o clean.jpg
FROM python:3.12-slim AS build
WORKDIR /source
RUN python -m venv /opt/nitido
COPY pyproject.toml README.md LICENSE constraints.txt ./
COPY runtime runtime
COPY export export
COPY train train
COPY models models
# There is no display in a container, so OpenCV without windows will do. Both wheels own the same folder: the one that
# the package names is removed first.
RUN /opt/nitido/bin/pip install --no-cache-dir -c constraints.txt '.[video]' \
    && version=$(/opt/nitido/bin/pip list --format=freeze | sed -n 's/^opencv-python==//p') \
    && /opt/nitido/bin/pip uninstall --yes opencv-python \
    && /opt/nitido/bin/pip install --no-cache-dir "opencv-python-headless==$version"

FROM python:3.12-slim
COPY --from=build /opt/nitido /opt/nitido
# In the group "video", which may read cameras.
RUN useradd --create-home --uid 1000 --groups video nitido && install -d -o nitido /data
USER nitido
ENV PATH=/opt/nitido/bin:$PATH PYTHONUNBUFFERED=1
WORKDIR /data
ENTRYPOINT ["nitido"]
CMD ["--help"]
