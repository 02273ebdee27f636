//! The way to the collector: OTLP over HTTP, in batches.

use async_trait::async_trait;
use heir_runtime::prelude::BoxError;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;

/// Exports what is traced to the collector at `url`.
pub(crate) fn to(url: &str) -> Result<SdkTracerProvider, BoxError> {
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(Minreq)
        // An endpoint that is given in code is used as it is: nothing is appended.
        .with_endpoint(format!("{url}/v1/traces"))
        .build()?;
    let service = Resource::builder_empty().with_service_name("heir-telemetry").build();
    Ok(SdkTracerProvider::builder().with_resource(service).with_batch_exporter(exporter).build())
}

/// The smallest HTTP client. A service takes the feature `reqwest-blocking-client` of
/// `opentelemetry-otlp` instead, which brings a client of its own, and some forty more crates.
#[derive(Debug)]
struct Minreq;

#[async_trait]
impl HttpClient for Minreq {
    /// Blocks, as it may: batches are sent from a thread of their own.
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let mut post = minreq::post(request.uri().to_string()).with_timeout(10);
        for (name, value) in request.headers() {
            post = post.with_header(name.as_str(), value.to_str()?);
        }
        let answer = post.with_body(request.into_body()).send()?;
        Ok(Response::builder().status(answer.status_code).body(Bytes::from(answer.into_bytes()))?)
    }
}
