//! What an attribute says: its arguments, checked for the primitive they belong to.

use crate::{
    Home, Primitive,
    aging::{Aging, Early},
    grouped::Grouped,
    groups,
    limits::Limits,
    span::Span,
    text,
    values::{Companions, Passing, companions, flag, part, path, size, version},
};
use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{
    Error, Expr, ExprLit, Ident, Lit, LitInt, LitStr, Path, Result, Token,
    ext::IdentExt,
    parenthesized,
    parse::{Parse, ParseStream},
    parse_quote,
    punctuated::Punctuated,
    spanned::Spanned,
    token,
};

/// One attribute of a stack.
pub(crate) struct Layer {
    pub(crate) primitive: Primitive,
    pub(crate) home: Home,
    pub(crate) key: LitStr,
    pub(crate) origin: Origin,
    /// Arguments of the key's own.
    pub(crate) named: Vec<(Ident, Expr)>,
    pub(crate) ttl: Option<(Span, Expr)>,
    pub(crate) wait: Option<Span>,
    pub(crate) keep: Option<Span>,
    pub(crate) size: Option<Expr>,
    pub(crate) on_full: Option<Path>,
    pub(crate) otherwise: Option<Expr>,
    /// What a call returns when somebody else has it, or did it.
    pub(crate) when_busy: Option<Expr>,
    /// Whether it is renewed while the body runs.
    pub(crate) renew: bool,
    pub(crate) guard: Option<Ident>,
    pub(crate) instance: Option<Expr>,
    pub(crate) codec: Option<Expr>,
    pub(crate) encode: Option<Expr>,
    pub(crate) decode: Option<Expr>,
    pub(crate) type_tag: Option<LitStr>,
    version: Option<LitInt>,
    pub(crate) label: Option<Expr>,
    pub(crate) cache_err: bool,
    pub(crate) cache_none: bool,
    /// For how long a failure is kept that is kept, if not for the TTL.
    pub(crate) failure_for: Option<Span>,
    /// What says of a value how long it lives.
    pub(crate) ttl_of: Option<Expr>,
    /// By how many per cent at most a TTL is shortened.
    pub(crate) jitter: Option<u8>,
    /// What becomes of a value near its end.
    pub(crate) aging: Aging,
    /// The group that its values are in.
    pub(crate) grouped: Grouped,
    /// What those have of a failed load who waited for it.
    pub(crate) passing: Passing,
    /// What becomes of its loads that take long.
    pub(crate) limits: Limits,
    /// Where it is said that it does not run where its store cannot be asked.
    pub(crate) closed: Option<proc_macro2::Span>,
    pub(crate) companions: Companions,
    pub(crate) keys: Keys,
    pub(crate) krate: Option<Path>,
    /// All its arguments, as they were written.
    pub(crate) written: TokenStream,
    /// The attribute's name as it stands further down the stack.
    pub(crate) attribute: Option<Path>,
}

/// Where its key comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// It stands in the attribute.
    Written,
    /// It is made of all arguments.
    Made,
}

/// Whose its keys are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keys {
    /// The function's own.
    Own,
    /// Those of other functions, too, which is meant.
    Shared,
}

/// `name = value`; `crate` is a keyword, so `syn::Meta` cannot be used for it. Or `key("..", name = value)`.
struct Argument {
    name: Ident,
    value: Expr,
    named: Vec<(Ident, Expr)>,
}

impl Parse for Argument {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let name = Ident::parse_any(input).map_err(|_| input.error(UNNAMED))?;
        if name == "key" && input.peek(token::Paren) {
            let inside;
            parenthesized!(inside in input);
            let value = groups::expression(inside.parse()?);
            let mut named = Vec::new();
            while inside.parse::<Option<Token![,]>>()?.is_some() && !inside.is_empty() {
                let name = Ident::parse_any(&inside)?;
                inside.parse::<Token![=]>()?;
                named.push((name, inside.parse()?));
            }
            return if inside.is_empty() { Ok(Self { name, value, named }) } else { Err(inside.error("expected `,`")) };
        }
        if !input.peek(Token![=]) {
            // a flag is a bare word
            if ["share", "cache_err", "cache_none", "renew", "stale_on_error", "closed", "detached"]
                .iter()
                .any(|flag| name == flag)
            {
                return Ok(Self { name, value: parse_quote!(true), named: Vec::new() });
            }
            return Err(Error::new(name.span(), format!("an argument has a value: `{name} = ..`")));
        }
        input.parse::<Token![=]>()?;
        Ok(Self { name, value: groups::expression(input.parse()?), named: Vec::new() })
    }
}

impl Layer {
    pub(crate) fn parse(primitive: Primitive, home: Home, arguments: TokenStream) -> Result<Self> {
        let at = arguments.span();
        let written = arguments.clone();
        let arguments = syn::parse::Parser::parse2(Punctuated::<Argument, Token![,]>::parse_terminated, arguments)?;
        let mut layer = Self { written, ..Self::empty(primitive, home, at) };
        let mut seen: Vec<String> = Vec::new();
        for Argument { name, value, named } in arguments {
            let text = name.to_string();
            if seen.contains(&text) {
                return Err(Error::new(name.span(), format!("`{text}` is said twice")));
            }
            layer.set(&name, value)?;
            layer.named.extend(named);
            seen.push(text);
        }
        let is_written = seen.iter().any(|name| name == "key");
        if !is_written && primitive == Primitive::Cached {
            layer.origin = Origin::Made;
        } else if !is_written {
            let example = format!("#[{}(key = \"user:{{id}}\")]", primitive.attribute());
            return Err(Error::new(at, format!("a key is missing, as in `{example}`")));
        }
        layer.check(at)?;
        Ok(layer)
    }

    /// With the name that its attribute has.
    pub(crate) fn below(self, attribute: Path) -> Self {
        Self { attribute: Some(attribute), ..self }
    }

    fn empty(primitive: Primitive, home: Home, at: proc_macro2::Span) -> Self {
        Self {
            primitive,
            home,
            key: LitStr::new("", at),
            origin: Origin::Written,
            named: Vec::new(),
            ttl: None,
            wait: None,
            keep: None,
            size: None,
            on_full: None,
            otherwise: None,
            when_busy: None,
            renew: true,
            guard: None,
            instance: None,
            codec: None,
            encode: None,
            decode: None,
            type_tag: None,
            version: None,
            label: None,
            cache_err: false,
            cache_none: false,
            failure_for: None,
            ttl_of: None,
            jitter: None,
            aging: Aging::default(),
            grouped: Grouped::default(),
            passing: Passing::ByType,
            limits: Limits::default(),
            closed: None,
            companions: Companions::Own,
            keys: Keys::Own,
            krate: None,
            written: TokenStream::new(),
            attribute: None,
        }
    }

    fn set(&mut self, name: &Ident, value: Expr) -> Result<()> {
        use Primitive::{Cached, Lock, Once, Pooled};
        match (name.to_string().as_str(), self.primitive) {
            ("key", _) => self.key = text::read(&value, NO_KEY)?,
            ("ttl", Cached) if matches!(value, Expr::Closure(_)) => self.ttl_of = Some(value),
            ("ttl", _) => self.ttl = Some((Span::parse(&value, false)?, value)),
            ("instance", _) => self.instance = Some(value),
            ("companions", _) => self.companions = companions(&value)?,
            ("share", _) => self.keys = if flag(&value)? { Keys::Shared } else { Keys::Own },
            ("crate", _) => self.krate = Some(path(&value)?),
            ("wait", Lock | Pooled) => self.wait = Some(Span::parse(&value, true)?),
            ("renew", Lock | Once | Pooled) => self.renew = flag(&value)?,
            ("label", Lock | Once) => self.label = Some(value),
            ("guard", Lock | Once | Pooled) => self.guard = Some(path(&value)?.require_ident()?.clone()),
            ("otherwise", Lock | Once | Pooled) => self.otherwise = Some(value),
            ("when_busy", Lock | Once | Pooled) => self.when_busy = Some(value),
            ("keep", Once) => self.keep = Some(Span::parse(&value, false)?.finite("the marker of a run", &value)?),
            ("size", Pooled) => self.size = Some(size(value)?),
            ("on_full", Pooled) => self.on_full = Some(path(&value)?),
            ("codec", Cached) => self.codec = Some(value),
            ("encode", Cached) => self.encode = Some(value),
            ("decode", Cached) => self.decode = Some(value),
            ("type_tag", Cached) => self.type_tag = Some(text::read(&value, "a type tag is a string literal")?),
            ("version", Cached) => self.version = Some(version(&value)?),
            ("cache_err", Cached) => self.cache_err = self.failures(&value)?,
            ("cache_none", Cached) => self.cache_none = self.failures(&value)?,
            ("jitter", Cached) => self.jitter = Some(part(&value, 100, JITTER)?),
            ("stale_for", Cached) => self.aging.stale_for = Some((window(&value)?, name.span())),
            ("stale_on_error", Cached) => self.aging.on_error = flag(&value)?.then(|| name.span()),
            ("group" | "max_entries" | "max_weight" | "idle", Cached) if self.home == Home::Core => {
                return Err(Error::new(
                    name.span(),
                    "without std there are no groups: the store's own size is the bound, and each value lives for its TTL",
                ));
            }
            ("group" | "max_entries" | "max_weight" | "idle", Cached) => self.grouped.set(name, value)?,
            ("share_err", Cached) => self.passing = Passing::parse(value),
            ("load_timeout" | "soft_load_timeout" | "detached", Cached) => self.limits.set(name, &value, self.home)?,
            ("closed", Cached) => self.closed = flag(&value)?.then(|| name.span()),
            ("early", Cached) => self.aging.early = Some((Early::parse(value)?, name.span())),
            _ => return Err(self.unknown(name)),
        }
        Ok(())
    }

    /// Whether failures are kept: a flag, or for how long.
    fn failures(&mut self, value: &Expr) -> Result<bool> {
        match value {
            Expr::Lit(ExprLit { lit: Lit::Bool(flag), .. }) => Ok(flag.value),
            _ => {
                self.failure_for = Some(Span::parse(value, false)?.finite("a failure that is kept", value)?);
                Ok(true)
            }
        }
    }

    fn unknown(&self, name: &Ident) -> Error {
        let known = match self.primitive {
            Primitive::Cached => {
                "key, ttl, jitter, early, stale_for, stale_on_error, version, codec, type_tag, encode, decode, cache_err, \
                 cache_none, share_err, closed, detached, load_timeout, soft_load_timeout, group, max_entries, max_weight, idle"
            }
            Primitive::Lock => "key, ttl, wait, renew, label, guard, when_busy, otherwise",
            Primitive::Once => "key, ttl, keep, renew, label, guard, when_busy, otherwise",
            Primitive::Pooled => "key, size, ttl, wait, renew, on_full, guard, when_busy, otherwise",
        };
        let attribute = self.primitive.attribute();
        Error::new(
            name.span(),
            format!("`{attribute}` has no argument `{name}`; it has {known}, share, instance, companions, crate"),
        )
    }

    /// The template of its keys: what was written, and the version.
    pub(crate) fn template(&self) -> String {
        self.key.value() + &self.version_text().unwrap_or_default()
    }

    /// What a version adds to it: one more literal. A value's own colon is escaped, so no key of another version looks like it.
    pub(crate) fn version_text(&self) -> Option<String> {
        self.version.as_ref().map(|version| format!(":v{}", version.base10_digits()))
    }

    /// Whether values live for other times than the TTL.
    pub(crate) const fn has_own_times(&self) -> bool {
        self.ttl_of.is_some() || self.jitter.is_some() || self.failure_for.is_some()
    }

    /// What says how a value is kept.
    pub(crate) fn forms(&self) -> impl Iterator<Item = &Expr> {
        self.codec.iter().chain(&self.encode).chain(&self.decode)
    }

    /// What says for how long a value is kept.
    pub(crate) fn times(&self) -> impl Iterator<Item = &Expr> {
        let stale = self.aging.stale_for.as_ref().map(|(span, _)| span);
        let said = stale.into_iter().chain(&self.failure_for).filter_map(Span::said);
        self.ttl.iter().map(|(_, ttl)| ttl).chain(&self.ttl_of).chain(said)
    }

    /// Whether a failure is kept, too.
    pub(crate) const fn keeps_all(&self) -> bool {
        self.cache_err || self.cache_none
    }

    /// Whether `name` is the crate's, or what is said to stand for it.
    pub(crate) fn is_of(&self, name: &Ident) -> bool {
        let said = self.krate.as_ref().and_then(|path| path.segments.first());
        said.map_or_else(|| name == self.home.name(), |first| first.ident == *name)
    }

    /// The crate the expansion names.
    pub(crate) fn krate(&self) -> TokenStream {
        self.krate.as_ref().map_or_else(|| self.home.path(), ToTokens::to_token_stream)
    }

    /// The instance, as an expression of reference type.
    pub(crate) fn instance(&self) -> TokenStream {
        let krate = self.krate();
        let instance = match &self.instance {
            Some(instance) => quote!((#instance).instance()),
            None => quote!(#krate::__private::global().instance()),
        };
        self.grouped.reach(&quote!(#krate::__private), instance)
    }
}

const UNNAMED: &str = "an argument has a name, as in `key = \"user:{id}\"`";
fn window(value: &Expr) -> Result<Span> {
    Span::parse(value, false)?.finite("a window", value)
}

const JITTER: &str = "the part by which a TTL is shortened at most, from 0.01 to 1.0: `jitter = 0.1`";
const NO_KEY: &str = "a key is a string literal; for a key made at run time use the values";
