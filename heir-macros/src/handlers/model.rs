//! The model: what an impl block with `#[handlers]` means.

use proc_macro2::{Ident, Span, TokenStream};
use syn::{Attribute, Generics, Path, Visibility};

use crate::options::Millis;

/// The handlers of one worker.
pub(super) struct Handlers {
    pub(super) root: Path,
    /// The `#[allow(..)]`s of the block and its methods, for all generated code; `#[expect(..)]`
    /// counts as `#[allow(..)]`.
    pub(super) allowed: Vec<Attribute>,
    /// The generics of the impl block, with the type written out for `Self`.
    pub(super) generics: Generics,
    /// `super::Counter<K>`
    pub(super) self_ty: TokenStream,
    /// `super::CounterHandle<K>`
    pub(super) handle: TokenStream,
    /// `super::CounterTables<K>`
    pub(super) tables: TokenStream,
    pub(super) messages: Vec<Handler>,
    pub(super) mistaken: Vec<Mistaken>,
    pub(super) hooks: Vec<Hook>,
}

/// A method that serves a message.
pub(super) struct Handler {
    pub(super) cfgs: Vec<Attribute>,
    pub(super) docs: Vec<Attribute>,
    /// Put on the handle's methods, and nowhere else.
    pub(super) deprecated: Vec<Attribute>,
    pub(super) vis: Visibility,
    pub(super) ident: Ident,
    pub(super) variant: Ident,
    pub(super) is_async: bool,
    pub(super) params: Vec<Param>,
    pub(super) kind: Kind,
    /// How often the message is served again, if the worker dies while it serves it.
    pub(super) redeliver: Option<u32>,
    /// If the reply leaves before the message is durable: where that is said.
    pub(super) early: Option<Span>,
    /// If the worker's own clock sends the message: nobody else does.
    pub(super) every: Option<Every>,
}

/// When a worker's own clock sends a message.
#[derive(Clone, Copy)]
pub(super) struct Every {
    pub(super) period: Millis,
    pub(super) missed: Missed,
}

/// What becomes of the ticks that were due while the worker could not serve them.
#[derive(Clone, Copy, Default)]
pub(super) enum Missed {
    #[default]
    Skip,
    CatchUp,
}

/// Whether a message has a reply.
pub(super) enum Kind {
    /// Has a reply. With the span of its type, if that is written.
    Call {
        reply: TokenStream,
        written: Option<Span>,
    },
    Cast,
}

/// An argument that a handler is called with.
pub(super) enum Param {
    Context,
    /// Travels in the message. With the span of the type.
    Value {
        name: Ident,
        ty: TokenStream,
        written: Span,
    },
    /// The last argument, `Reply<T>`, of a call that is answered later. With the span of the type.
    Reply(Span),
}

/// A method that would be a handler but for its mistakes. A stub stands for it, so that its callers
/// see no more errors.
pub(super) struct Mistaken {
    pub(super) cfgs: Vec<Attribute>,
    pub(super) vis: Visibility,
    pub(super) ident: Ident,
    /// How many arguments its message would carry.
    pub(super) values: usize,
    pub(super) reply: TokenStream,
}

impl Handler {
    /// The arguments that travel in the message: names and types.
    pub(super) fn values(&self) -> impl Iterator<Item = (&Ident, &TokenStream)> {
        self.params.iter().filter_map(|param| match param {
            Param::Value { name, ty, .. } => Some((name, ty)),
            Param::Context | Param::Reply(_) => None,
        })
    }

    /// The types of the arguments that travel in the message, with their spans.
    pub(super) fn payload(&self) -> impl Iterator<Item = (&TokenStream, Span)> {
        self.params.iter().filter_map(|param| match param {
            Param::Value { ty, written, .. } => Some((ty, *written)),
            Param::Context | Param::Reply(_) => None,
        })
    }

    /// Whether serving the message needs the context: for the handler, or for its reply.
    pub(super) fn needs_context(&self) -> bool {
        self.params.iter().any(|param| matches!(param, Param::Context | Param::Reply(_)))
    }
}

/// A method that runs at an event of an incarnation's life.
pub(super) struct Hook {
    pub(super) cfgs: Vec<Attribute>,
    pub(super) ident: Ident,
    pub(super) is_async: bool,
    pub(super) event: Event,
    /// With the spans of the types.
    pub(super) params: Vec<(HookParam, Span)>,
    /// The span for an error about the return type.
    pub(super) outcome: Span,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HookParam {
    Context,
    /// The event's value: `&TransferInfo`, `&ExitReason`, `&Exit`, `&ExitSignal`, `&Down`.
    Info,
    /// `&mut CounterTables`
    Tables,
    /// `&Examined`, of a verify hook: in the place of its value.
    Examined,
}

/// The events at which a hook runs: in an incarnation's life, and, for `verify`, between two lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    Start,
    Transfer,
    Stop,
    Exit,
    Down,
    Verify,
}

/// The words of `#[on(..)]`.
pub(super) const EVENTS: &[(&str, Event)] = &[
    ("start", Event::Start),
    ("transfer", Event::Transfer),
    ("stop", Event::Stop),
    ("exit", Event::Exit),
    ("down", Event::Down),
    ("verify", Event::Verify),
];

impl Event {
    /// The name of the runtime's type of the event's value.
    pub(super) fn info(self) -> Option<&'static str> {
        match self {
            Self::Start => None,
            Self::Transfer => Some("TransferInfo"),
            Self::Stop => Some("ExitReason"),
            Self::Exit => Some("ExitSignal"),
            Self::Down => Some("Down"),
            Self::Verify => Some("Exit"),
        }
    }

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Transfer => "transfer",
            Self::Stop => "stop",
            Self::Exit => "exit",
            Self::Down => "down",
            Self::Verify => "verify",
        }
    }
}
