//! A subscriber of `tracing` that remembers what its thread tells.
//!
//! The subscriber that `tracing` knows is a global one, which asks for the collector of its thread. With subscribers that
//! `tracing` itself keeps by the thread, one test would change what another is told: which callsites are wanted is kept
//! for the whole process.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::{Debug, Write};
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError};

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::{Interest, set_global_default};
use tracing::{Event, Metadata, Subscriber};

thread_local! {
    static HERE: RefCell<Option<Collector>> = const { RefCell::new(None) };
    /// The spans that this thread is in.
    static STACK: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
    static HOOK: RefCell<Option<Hook>> = const { RefCell::new(None) };
}

type Hook = Rc<dyn Fn(&'static str)>;

/// Remembers the spans and events of its thread.
#[derive(Clone)]
pub struct Collector {
    max: LevelFilter,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    spans: Vec<Span>,
    events: Vec<Told>,
}

/// A span, as far as it is known.
#[derive(Clone, Debug)]
pub struct Span {
    pub name: &'static str,
    /// The position of the span above.
    pub parent: Option<usize>,
    /// The fields that it may have.
    pub declared: Vec<&'static str>,
    pub fields: BTreeMap<&'static str, String>,
    pub events: Vec<String>,
    handles: usize,
    /// How often a thread has entered it, and left it.
    pub entered: usize,
    pub exited: usize,
}

/// An event, with the span it is in.
#[derive(Clone, Debug)]
pub struct Told {
    pub name: &'static str,
    pub span: Option<usize>,
    pub fields: BTreeMap<&'static str, String>,
}

#[derive(Default)]
struct Fields(BTreeMap<&'static str, String>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let mut text = String::new();
        write!(text, "{value:?}").unwrap();
        self.0.insert(field.name(), text);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }
}

impl Collector {
    /// Collects in this thread, until the guard is dropped, what is at this level or above.
    pub fn new(max: LevelFilter) -> (Self, Guard) {
        static ONCE: Once = Once::new();
        ONCE.call_once(|| set_global_default(OfThread).unwrap());
        let collector = Self { max, seen: Arc::default() };
        HERE.set(Some(collector.clone()));
        (collector, Guard)
    }

    /// Collects in this thread, too.
    pub fn share(&self) {
        HERE.set(Some(self.clone()));
    }

    /// Has the collector of this thread call this in each of its methods, with the method's name.
    pub fn hook(&self, hook: impl Fn(&'static str) + 'static) {
        HOOK.set(Some(Rc::new(hook)));
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn spans(&self) -> Vec<Span> {
        self.lock().spans.clone()
    }

    pub fn events(&self) -> Vec<Told> {
        self.lock().events.clone()
    }

    /// Spans that are not closed.
    pub fn open(&self) -> Vec<&'static str> {
        self.lock().spans.iter().filter(|span| span.handles > 0).map(|span| span.name).collect()
    }

    /// The spans as trees: name, the given fields, and the names of the events in braces.
    pub fn trees(&self, fields: &[&str]) -> String {
        let spans = self.spans();
        let mut text = String::new();
        draw(&spans, None, 0, fields, &mut text);
        text
    }
}

fn draw(spans: &[Span], parent: Option<usize>, depth: usize, fields: &[&str], text: &mut String) {
    for (index, span) in spans.iter().enumerate().filter(|(_, span)| span.parent == parent) {
        write!(text, "{}{}", "  ".repeat(depth), span.name).unwrap();
        for field in fields {
            if let Some(value) = span.fields.get(field) {
                write!(text, " {field}={value}").unwrap();
            }
        }
        if !span.events.is_empty() {
            write!(text, " {{{}}}", span.events.join(" ")).unwrap();
        }
        text.push('\n');
        draw(spans, Some(index), depth + 1, fields, text);
    }
}

/// Ends a collection.
pub struct Guard;

impl Drop for Guard {
    fn drop(&mut self) {
        HOOK.set(None);
        HERE.set(None);
    }
}

/// Hands all on to the collector of its thread.
struct OfThread;

impl OfThread {
    fn with<R>(work: impl FnOnce(&Collector) -> R) -> Option<R> {
        let here = HERE.try_with(|here| here.borrow().clone()).ok()??;
        Some(work(&here))
    }

    fn hook(method: &'static str) {
        if let Ok(Some(hook)) = HOOK.try_with(|hook| hook.borrow().clone()) {
            hook(method);
        }
    }
}

impl Subscriber for OfThread {
    fn register_callsite(&self, _metadata: &'static Metadata<'static>) -> Interest {
        Interest::sometimes()
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let is_ours = metadata.target() == "heir";
        if is_ours {
            Self::hook("enabled");
        }
        Self::with(|here| here.enabled(metadata)).unwrap_or(false)
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        Self::hook("new_span");
        Self::with(|here| here.new_span(span)).unwrap()
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        Self::hook("record");
        Self::with(|here| here.record(span, values));
    }

    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}

    fn event(&self, event: &Event<'_>) {
        Self::with(|here| here.event(event));
        Self::hook("event");
    }

    fn enter(&self, span: &Id) {
        Self::hook("enter");
        Self::with(|here| here.enter(span));
    }

    fn exit(&self, span: &Id) {
        Self::with(|here| here.exit(span));
        Self::hook("exit");
    }

    fn clone_span(&self, span: &Id) -> Id {
        Self::with(|here| here.clone_span(span)).unwrap_or_else(|| span.clone())
    }

    fn try_close(&self, span: Id) -> bool {
        let closed = Self::with(|here| here.try_close(span)).unwrap_or(false);
        Self::hook("try_close");
        closed
    }
}

fn index(id: &Id) -> usize {
    usize::try_from(id.into_u64()).unwrap() - 1
}

/// As those of a [`Subscriber`].
impl Collector {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= self.max
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        let parent = match attributes.parent() {
            Some(parent) => Some(index(parent)),
            None if attributes.is_contextual() => current(),
            None => None,
        };
        let mut seen = self.lock();
        if let Some(parent) = parent {
            assert!(seen.spans[parent].handles > 0, "a child of a span that is closed");
            seen.spans[parent].handles += 1;
        }
        let name = attributes.metadata().name();
        let declared = attributes.metadata().fields().iter().map(|field| field.name()).collect();
        let fields = fields.0;
        seen.spans.push(Span {
            name,
            parent,
            declared,
            fields,
            events: Vec::new(),
            handles: 1,
            entered: 0,
            exited: 0,
        });
        Id::from_u64(seen.spans.len() as u64)
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        let mut fields = Fields::default();
        values.record(&mut fields);
        self.lock().spans[index(span)].fields.extend(fields.0);
    }

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let (name, span) = (event.metadata().name(), current());
        let mut seen = self.lock();
        if let Some(span) = span {
            let short =
                if name.starts_with("event ") { fields.0["message"].clone() } else { name.to_owned() };
            seen.spans[span].events.push(short);
        }
        seen.events.push(Told { name, span, fields: fields.0 });
    }

    fn enter(&self, span: &Id) {
        self.lock().spans[index(span)].entered += 1;
        STACK.with_borrow_mut(|stack| stack.push(span.into_u64()));
    }

    fn exit(&self, span: &Id) {
        self.lock().spans[index(span)].exited += 1;
        let left = STACK.with_borrow_mut(Vec::pop);
        assert_eq!(left, Some(span.into_u64()), "spans are left in the order in which they were entered");
    }

    fn clone_span(&self, span: &Id) -> Id {
        self.lock().spans[index(span)].handles += 1;
        span.clone()
    }

    fn try_close(&self, span: Id) -> bool {
        let mut next = Some(index(&span));
        let mut seen = self.lock();
        while let Some(closing) = next {
            let span = &mut seen.spans[closing];
            span.handles -= 1;
            next = span.parent.filter(|_| span.handles == 0);
        }
        false
    }
}

fn current() -> Option<usize> {
    STACK.with_borrow(|stack| stack.last().map(|id| usize::try_from(*id).unwrap() - 1))
}
