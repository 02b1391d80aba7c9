# The image of the pages, for `slipway setup deploy app`. Files that change are in the volume /run/slipway.
FROM python:3.11-slim
WORKDIR /slipway
COPY requirements.txt .
RUN pip install --no-cache-dir --require-hashes -r requirements.txt
COPY .streamlit/config.toml .streamlit/
COPY app app
COPY ops ops
COPY pages pages
COPY queries queries
COPY rollouts rollouts
RUN useradd --uid 10001 --no-create-home slipway \
 && mkdir /run/slipway && chown slipway /run/slipway \
 && ln -s /run/slipway/secrets.toml .streamlit/secrets.toml \
 && ln -s /run/slipway/slipway.toml slipway.toml
VOLUME ["/run/slipway", "/tmp"]
USER slipway
ENV HOME=/tmp SLIPWAY_CLOUD=aws SLIPWAY_DATA=/run/slipway/data SLIPWAY_LOG_LEVEL=info
EXPOSE 8501
CMD ["python", "-m", "ops", "run", "--port", "8501", "--address", "0.0.0.0"]
