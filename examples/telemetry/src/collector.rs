//! A collector of OpenTelemetry in a hundred lines: it receives OTLP over HTTP, and draws a trace.

use std::fmt::Write;
use std::sync::{Arc, Mutex};
use std::thread;

use heir_runtime::prelude::BoxError;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use tiny_http::{Request, Response, Server};

pub(crate) struct Collector {
    server: Arc<Server>,
    spans: Arc<Mutex<Vec<Span>>>,
}

impl Collector {
    /// Starts one, on a free port of this machine.
    pub(crate) fn start() -> Result<Self, BoxError> {
        let server = Arc::new(Server::http("127.0.0.1:0")?);
        let spans = Arc::default();
        thread::spawn({
            let (server, spans) = (Arc::clone(&server), Arc::clone(&spans));
            move || {
                for request in server.incoming_requests() {
                    receive(request, &spans).expect("the exporter speaks OTLP");
                }
            }
        });
        Ok(Self { server, spans })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.server.server_addr())
    }

    /// Draws the trace whose root has this name. All of a message belongs to it.
    ///
    /// # Panics
    /// If a message, or what follows from it, is in a trace of its own.
    pub(crate) fn trace_of(&self, root: &str) -> String {
        let spans = self.spans.lock().unwrap();
        let root = spans.iter().find(|span| span.name == root).expect("the root has been exported");
        let (ours, others): (Vec<_>, Vec<_>) = spans.iter().partition(|span| span.trace_id == root.trace_id);
        for other in others {
            // What nobody has asked for has nobody's trace: the tree's own start and end.
            let hook = attribute(&other.attributes, "handler");
            let is_of_a_hook = hook.is_some_and(|hook| hook.starts_with("#[on("));
            assert!(is_of_a_hook, "{other:?} is in another trace");
        }
        let mut drawn = String::new();
        draw(&mut drawn, 0, root, &ours);
        drawn
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.server.unblock();
    }
}

/// Receives a batch of spans.
fn receive(mut request: Request, spans: &Mutex<Vec<Span>>) -> Result<(), BoxError> {
    assert_eq!(request.url(), "/v1/traces");
    let mut body = Vec::new();
    request.as_reader().read_to_end(&mut body)?;
    let batch = ExportTraceServiceRequest::decode(&*body)?;
    let of_scopes = batch.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
    spans.lock().unwrap().extend(of_scopes.flat_map(|scope| scope.spans));
    Ok(request.respond(Response::empty(200))?)
}

/// What a span tells about itself, beside times and ids.
const TOLD: [&str; 5] = ["handler", "incarnation", "boundary", "refused", "died"];

/// Draws a span, and beneath it its events and children, in the order of time.
fn draw(drawn: &mut String, depth: usize, span: &Span, all: &[&Span]) {
    let indent = "  ".repeat(depth);
    let _ = write!(drawn, "{indent}{}", span.name);
    for name in TOLD {
        if let Some(value) = attribute(&span.attributes, name) {
            let _ = write!(drawn, " {name}={value}");
        }
    }
    drawn.push('\n');
    for event in &span.events {
        // OpenTelemetry's name of an event is its sentence.
        let name = attribute(&event.attributes, "event").expect("each event of heir has a name");
        let _ = writeln!(drawn, "{indent}  - {name}");
    }
    let mut children: Vec<_> = all.iter().filter(|child| child.parent_span_id == span.span_id).collect();
    children.sort_by_key(|child| child.start_time_unix_nano);
    for child in children {
        draw(drawn, depth + 1, child, all);
    }
}

fn attribute(attributes: &[KeyValue], name: &str) -> Option<String> {
    let attribute = attributes.iter().find(|attribute| attribute.key == name)?;
    match attribute.value.as_ref()?.value.as_ref()? {
        Value::StringValue(words) => Some(words.clone()),
        Value::IntValue(number) => Some(number.to_string()),
        other => Some(format!("{other:?}")),
    }
}
