//! What an impl block with `#[handlers]` means.

use proc_macro2::{Ident, Span, TokenStream};
use syn::{Attribute, Generics, Path, Visibility};

/// The handlers of one worker.
pub(super) struct Handlers {
    pub(super) root: Path,
    /// `#[allow(..)]` of the block and of its methods, and as such `#[expect(..)]`, for all that is generated from it.
    pub(super) allowed: Vec<Attribute>,
    /// The impl block's, without any `Self`.
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
    /// For the handle's methods only.
    pub(super) deprecated: Vec<Attribute>,
    pub(super) vis: Visibility,
    pub(super) ident: Ident,
    pub(super) variant: Ident,
    pub(super) is_async: bool,
    pub(super) params: Vec<Param>,
    pub(super) kind: Kind,
    /// How often it is served again when the worker dies over it.
    pub(super) redeliver: Option<u32>,
}

/// Whether a message has a reply.
pub(super) enum Kind {
    /// With the place of the return type, if there is one.
    Call {
        reply: TokenStream,
        written: Option<Span>,
    },
    Cast,
}

/// What a handler is called with.
pub(super) enum Param {
    Context,
    /// With the place of the type.
    Value {
        name: Ident,
        ty: TokenStream,
        written: Span,
    },
}

/// A method that would be a handler but for its mistakes: its callers are not to blame.
pub(super) struct Mistaken {
    pub(super) cfgs: Vec<Attribute>,
    pub(super) vis: Visibility,
    pub(super) ident: Ident,
    /// How many arguments its message would have.
    pub(super) values: usize,
    pub(super) reply: TokenStream,
}

impl Handler {
    /// What travels in the message.
    pub(super) fn values(&self) -> impl Iterator<Item = (&Ident, &TokenStream)> {
        self.params.iter().filter_map(|param| match param {
            Param::Value { name, ty, .. } => Some((name, ty)),
            Param::Context => None,
        })
    }

    /// The types of what travels in the message, with their places.
    pub(super) fn payload(&self) -> impl Iterator<Item = (&TokenStream, Span)> {
        self.params.iter().filter_map(|param| match param {
            Param::Value { ty, written, .. } => Some((ty, *written)),
            Param::Context => None,
        })
    }

    pub(super) fn takes_context(&self) -> bool {
        self.params.iter().any(|param| matches!(param, Param::Context))
    }
}

/// A method that runs at a turn of the incarnation's life.
pub(super) struct Hook {
    pub(super) cfgs: Vec<Attribute>,
    pub(super) ident: Ident,
    pub(super) is_async: bool,
    pub(super) event: Event,
    /// With the places of their types.
    pub(super) params: Vec<(HookParam, Span)>,
    /// Where a return type that is none of a hook's is reported.
    pub(super) outcome: Span,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HookParam {
    Context,
    /// What the event brings: `&TransferInfo`, `&ExitReason`, `&Exit`, `&ExitSignal`, `&Down`.
    Info,
    /// `&mut CounterTables`
    Tables,
}

/// The turns of an incarnation's life, and the one between two of them.
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
    /// The type of what it brings, as it is called in the runtime.
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
