//! Fragments of `macro_rules` macros. rustc puts an invisible group around what a macro was given
//! for `$e:expr`, and keeps the group together, but not once a procedural macro has printed it:
//! with `1 + 2` for `$e`, `$e * 3` would then be 7. So a fragment gets visible parentheses if an
//! operator beside it would reach into it.

use proc_macro2::{Delimiter, Group, Ident, Punct, Spacing, Span, TokenStream, TokenTree};

use crate::tokens::is_brace;

/// The tokens, with parentheses around each fragment that would fall apart.
pub(crate) fn kept_together(tokens: TokenStream) -> TokenStream {
    changed(&tokens).unwrap_or(tokens)
}

/// `None` if there is nothing to change, as in all code that no macro has written.
fn changed(tokens: &TokenStream) -> Option<TokenStream> {
    let tokens: Vec<TokenTree> = tokens.clone().into_iter().collect();
    let mut is_changed = false;
    let mut out = TokenStream::new();
    for (place, token) in tokens.iter().enumerate() {
        let TokenTree::Group(group) = token else {
            out.extend([token.clone()]);
            continue;
        };
        let inner = changed(&group.stream());
        let is_invisible = group.delimiter() == Delimiter::None;
        let brackets = if is_invisible { needed(group, &tokens, place) } else { Brackets::None };
        is_changed |= inner.is_some() || !matches!(brackets, Brackets::None);
        let inner = inner.unwrap_or_else(|| group.stream());
        // At a span of the macro, so that no lint tells the user to remove the parentheses.
        let span = group.span().resolved_at(Span::call_site());
        match brackets {
            Brackets::None => out.extend([grouped(group.delimiter(), inner, group.span())]),
            Brackets::Parentheses => out.extend([grouped(Delimiter::Parenthesis, inner, span)]),
            Brackets::Angle => {
                out.extend([angle('<', span)]);
                out.extend(inner);
                out.extend([angle('>', span)]);
            }
        }
    }
    is_changed.then_some(out)
}

fn grouped(delimiter: Delimiter, inner: TokenStream, span: Span) -> TokenTree {
    let mut group = Group::new(delimiter, inner);
    group.set_span(span);
    TokenTree::Group(group)
}

fn angle(bracket: char, span: Span) -> TokenTree {
    let mut bracket = Punct::new(bracket, Spacing::Alone);
    bracket.set_span(span);
    TokenTree::Punct(bracket)
}

/// The visible brackets that hold a fragment together.
enum Brackets {
    None,
    Parentheses,
    /// Around a type at the start of a path: `<Vec<u8>>::new()`.
    Angle,
}

fn needed(group: &Group, tokens: &[TokenTree], place: usize) -> Brackets {
    let fragment = Fragment::of(&group.stream());
    let left = is_reached_from(&tokens[..place]);
    let right = Right::of(&tokens[place + 1..]);
    let falls_apart = match fragment.shape {
        Shape::Operand => right == Right::Call && fragment.ends_in_field,
        Shape::Prefixed => matches!(right, Right::Call | Right::Postfix),
        Shape::Operators => left || matches!(right, Right::Operator | Right::Call | Right::Postfix),
        Shape::Block => matches!(right, Right::Operator | Right::Call | Right::Postfix),
        // `Box<dyn A + B>` needs none.
        Shape::Bounds => left && (place == 0 || char_at(tokens, place - 1) != Some('<')),
        Shape::Other => false,
    };
    // A struct literal must not stand before a body: `if $e == other { .. }`.
    let is_in_the_way = fragment.has_braces && (left || right != Right::Nothing);
    if right == Right::Path && !fragment.is_name {
        Brackets::Angle
    } else if falls_apart || is_in_the_way {
        Brackets::Parentheses
    } else {
        Brackets::None
    }
}

/// What follows a fragment and would bind to its end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Right {
    Nothing,
    /// An infix operator, or `as`.
    Operator,
    /// `(..)`
    Call,
    /// `.`, `?`, `[..]`
    Postfix,
    /// `::`
    Path,
    /// `{ .. }`
    Body,
}

impl Right {
    fn of(after: &[TokenTree]) -> Self {
        match after.first() {
            Some(TokenTree::Ident(word)) if word == "as" => Self::Operator,
            Some(body) if is_brace(body) => Self::Body,
            Some(TokenTree::Group(group)) => match group.delimiter() {
                Delimiter::Parenthesis => Self::Call,
                Delimiter::Bracket => Self::Postfix,
                Delimiter::Brace | Delimiter::None => Self::Nothing,
            },
            Some(TokenTree::Punct(punct)) => match (punct.as_char(), char_at(after, 1)) {
                (':', Some(':')) => Self::Path,
                ('.', Some('.'))
                | ('=' | '!', Some('='))
                | ('+' | '-' | '*' | '/' | '%' | '^' | '&' | '|' | '<' | '>', _) => Self::Operator,
                ('.' | '?', _) => Self::Postfix,
                _ => Self::Nothing,
            },
            _ => Self::Nothing,
        }
    }
}

/// Whether the tokens before the fragment end in an operator: `&`, `&mut`, `&'a`, `-`, `+`, `==`.
fn is_reached_from(before: &[TokenTree]) -> bool {
    let joined = |by: usize| match before.len().checked_sub(by).map(|place| &before[place]) {
        Some(TokenTree::Punct(punct)) if punct.spacing() == Spacing::Joint => Some(punct.as_char()),
        _ => None,
    };
    match before {
        [.., TokenTree::Punct(punct)] => match punct.as_char() {
            '=' => joined(2).is_some_and(|first| "=!<>+-*/%^&|".contains(first)),
            '>' => !joined(2).is_some_and(|first| "=-".contains(first)),
            other => "+-*/%^&|!<.".contains(other),
        },
        [.., TokenTree::Punct(pointer), TokenTree::Ident(word)] => {
            "&*".contains(pointer.as_char()) && (word == "mut" || word == "const")
                || pointer.as_char() == '\''
        }
        [.., TokenTree::Punct(quote), TokenTree::Ident(_), TokenTree::Ident(word)] => {
            quote.as_char() == '\'' && word == "mut"
        }
        _ => false,
    }
}

fn char_at(tokens: &[TokenTree], place: usize) -> Option<char> {
    match tokens.get(place) {
        Some(TokenTree::Punct(punct)) => Some(punct.as_char()),
        _ => None,
    }
}

/// What the tokens of a fragment tell about it.
struct Fragment {
    shape: Shape,
    /// Whether it ends in a field: `a.b`, and not `a.b()`.
    ends_in_field: bool,
    /// Whether there is a struct literal in it.
    has_braces: bool,
    /// Whether it is a path without arguments.
    is_name: bool,
}

#[derive(Clone, Copy)]
enum Shape {
    /// Binds tighter than any operator: a path, a literal, a call, a block, a type such as
    /// `Vec<u8>`.
    Operand,
    /// `-1`, `&x`, `&str`
    Prefixed,
    /// `a + b`, `x as u8`, and whatever takes all that follows: `|x| x`, `return x`.
    Operators,
    /// `if a { b } else { c }`
    Block,
    /// `dyn A + B`
    Bounds,
    /// Nothing that an operator could reach into: a visibility, an item, a statement.
    Other,
}

/// Reads the tokens of a fragment from left to right.
struct Reader {
    tokens: Vec<TokenTree>,
    place: usize,
    fragment: Fragment,
}

impl Fragment {
    fn of(stream: &TokenStream) -> Self {
        let tokens: Vec<TokenTree> = stream.clone().into_iter().collect();
        // One macro has passed the fragment on to another: the groups are nested.
        if let [TokenTree::Group(group)] = tokens.as_slice()
            && group.delimiter() == Delimiter::None
        {
            return Self::of(&group.stream());
        }
        let fragment = Self { shape: Shape::Other, ends_in_field: false, has_braces: false, is_name: true };
        let mut reader = Reader { tokens, place: 0, fragment };
        let shape = reader.shape();
        let Reader { mut fragment, tokens, .. } = reader;
        // The reader stops at the first operator, and a struct literal may follow it.
        fragment.has_braces |=
            matches!(shape, Shape::Operators | Shape::Prefixed) && tokens.iter().any(is_brace);
        Self { shape, is_name: fragment.is_name && matches!(shape, Shape::Operand), ..fragment }
    }
}

impl Reader {
    fn shape(&mut self) -> Shape {
        if let Some(shape) = self.shape_by_first_word() {
            return shape;
        }
        let mut is_prefixed = false;
        while let Some('-' | '*' | '!' | '&') = char_at(&self.tokens, self.place) {
            is_prefixed = true;
            self.fragment.is_name = false;
            self.place += 1;
            self.skip_after_ampersand();
        }
        match self.operand() {
            Some(true) => Shape::Operators,
            Some(false) if is_prefixed => Shape::Prefixed,
            Some(false) => Shape::Operand,
            None => Shape::Other,
        }
    }

    fn shape_by_first_word(&self) -> Option<Shape> {
        let TokenTree::Ident(word) = self.tokens.first()? else { return None };
        let body = |at: Option<&TokenTree>| matches!(at, Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace);
        let is_block = body(self.tokens.get(1));
        let is_closure = char_at(&self.tokens, 1) == Some('|');
        match word.to_string().as_str() {
            "if" | "match" | "loop" | "while" => Some(Shape::Block),
            "for" if char_at(&self.tokens, 1) != Some('<') => Some(Shape::Block),
            "unsafe" | "async" | "const" | "try" if is_block => Some(Shape::Block),
            "async" if matches!(self.tokens.get(1), Some(TokenTree::Ident(word)) if word == "move") => {
                Some(if body(self.tokens.get(2)) { Shape::Block } else { Shape::Operators })
            }
            "async" | "static" if is_closure => Some(Shape::Operators),
            "move" | "return" | "break" | "yield" => Some(Shape::Operators),
            "dyn" | "impl" if self.tokens.iter().any(is_plus) => Some(Shape::Bounds),
            "dyn" | "impl" | "for" | "fn" | "unsafe" | "extern" | "pub" | "let" | "const" | "static"
            | "struct" | "enum" | "trait" | "type" | "use" | "mod" | "async" => Some(Shape::Other),
            _ => None,
        }
    }

    /// Skips `mut`, `raw const` or `'a`.
    fn skip_after_ampersand(&mut self) {
        if char_at(&self.tokens, self.place) == Some('\'') {
            self.place += 2;
        }
        while self.is_word(self.place, &["mut", "raw", "const"]) {
            self.place += 1;
        }
    }

    fn is_word(&self, place: usize, words: &[&str]) -> bool {
        let is_one = |word: &Ident| words.iter().any(|known| word == known);
        matches!(self.tokens.get(place), Some(TokenTree::Ident(word)) if is_one(word))
    }

    /// Reads one operand; says whether an operator follows. `None` if this is neither an expression
    /// nor a type.
    fn operand(&mut self) -> Option<bool> {
        match self.tokens.get(self.place)? {
            // A closure or a range takes all that follows.
            TokenTree::Punct(punct) if "|.".contains(punct.as_char()) => return Some(true),
            TokenTree::Punct(punct) if punct.as_char() == '<' => self.place = self.after_angle()?,
            TokenTree::Punct(punct) if punct.as_char() == ':' => {}
            TokenTree::Punct(_) => return None,
            TokenTree::Ident(_) => self.place += 1,
            TokenTree::Literal(_) | TokenTree::Group(_) => {
                self.fragment.is_name = false;
                self.place += 1;
            }
        }
        while let Some(token) = self.tokens.get(self.place) {
            let next = char_at(&self.tokens, self.place + 1);
            self.fragment.ends_in_field = false;
            match token {
                TokenTree::Ident(word) => return (word == "as").then_some(true),
                TokenTree::Literal(_) => return None,
                TokenTree::Group(group) => {
                    self.fragment.has_braces |= group.delimiter() == Delimiter::Brace;
                    self.place += 1;
                }
                TokenTree::Punct(punct) => match (punct.as_char(), next) {
                    (':', Some(':')) => {
                        self.place += 2;
                        if char_at(&self.tokens, self.place) != Some('<') {
                            self.place += 1;
                        }
                        continue;
                    }
                    ('.', Some('.')) | ('!', Some('=')) => return Some(true),
                    ('.', _) => {
                        self.fragment.ends_in_field = !self.is_word(self.place + 1, &["await"]);
                        self.place += 2;
                    }
                    ('?', _) => self.place += 1,
                    // The brackets after `!` are a macro's, and no struct literal.
                    ('!', _) => self.place += 2,
                    ('<', _) => match self.after_angle() {
                        Some(after) if self.tokens.len() == after || is_path_or_sum(&self.tokens, after) => {
                            self.place = after;
                        }
                        _ => return Some(true),
                    },
                    ('-' | '=', Some('>')) => return None,
                    (operator, _) => return "+-*/%^&|>=".contains(operator).then_some(true),
                },
            }
            self.fragment.is_name = false;
        }
        Some(false)
    }

    /// The index after the `>` that closes the `<` here.
    fn after_angle(&self) -> Option<usize> {
        let mut depth = 0_usize;
        for place in self.place..self.tokens.len() {
            match char_at(&self.tokens, place) {
                Some('<') => depth += 1,
                Some('>') if place > 0 && matches!(char_at(&self.tokens, place - 1), Some('-' | '=')) => {}
                Some('>') => depth = depth.checked_sub(1)?,
                _ => {}
            }
            if depth == 0 {
                return Some(place + 1);
            }
        }
        None
    }
}

fn is_plus(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == '+')
}

fn is_path_or_sum(tokens: &[TokenTree], place: usize) -> bool {
    matches!((char_at(tokens, place), char_at(tokens, place + 1)), (Some(':'), Some(':')) | (Some('+'), _))
        || matches!(tokens.get(place), Some(TokenTree::Group(_)))
}

#[cfg(test)]
#[path = "tests/fragments.rs"]
mod tests;
