//! Lock, once and pooled: ask, run the body, give back; or return what a call returns that did not run.

use crate::{
    Primitive,
    arguments::Layer,
    expand::{Function, Names, private},
    span::Span,
};
use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{Error, Expr, Result, spanned::Spanned};

impl Function {
    /// Lock, once and pooled: ask, run the body, give back.
    pub(crate) fn bracket(&self, layer: &Layer, body: &TokenStream) -> Result<TokenStream> {
        let Names { instance, held, why, out, shape, .. } = &self.names;
        let (request, refuse) = (self.request(layer)?, self.refuse(layer)?);
        let (of, closure) = (self.shape(layer), self.closure(body));
        let guard = layer.guard.as_ref().map(|guard| quote!(let #guard = &#held;));
        let (ask, run, finish) = if self.is_async() {
            let ask = match layer.primitive {
                Primitive::Once => format_ident!("begin"),
                Primitive::Pooled => format_ident!("take"),
                _ => format_ident!("acquire"),
            };
            let ask = quote!(#instance.#request.#ask().await);
            let run = quote!(#held.carry((#closure)()).await);
            (ask, run, quote!(#held.finish(&#shape, &#out).await))
        } else {
            let ask = match layer.primitive {
                Primitive::Once => format_ident!("begin_blocking"),
                Primitive::Pooled => format_ident!("take_blocking"),
                _ => format_ident!("acquire_blocking"),
            };
            let finish = quote!(#held.finish_blocking(&#shape, &#out));
            (quote!(#instance.#request.#ask()), quote!((#closure)()), finish)
        };
        Ok(quote! {
            match #ask {
                ::core::result::Result::Ok(#held) => {
                    let #shape = #of;
                    let #out = { #guard #run };
                    #finish;
                    #out
                }
                ::core::result::Result::Err(#why) => #refuse,
            }
        })
    }

    /// The value that is asked: `lock_of(key).ttl(..)` and so on.
    fn request(&self, layer: &Layer) -> Result<TokenStream> {
        let (private, buf) = (private(layer), &self.names.key);
        let mut request = match (layer.primitive, &layer.size) {
            (Primitive::Once, _) => quote!(once_of(#buf)),
            (Primitive::Pooled, Some(size)) => quote!(pool_of(#buf, #size)),
            _ => quote!(lock_of(#buf)),
        };
        if let Some((ttl, written)) = &layer.ttl {
            let ttl = ttl.finite("a lease (renewed while the body runs)", written)?;
            request.extend(quote!(.ttl(#ttl)));
        }
        match &layer.wait {
            Some(Span::For(wait)) => request.extend(quote!(.waiting(#private::Wait::For(#wait)))),
            Some(Span::Forever) => request.extend(quote!(.waiting(#private::Wait::Forever))),
            None => {}
        }
        if let Some(keep) = &layer.keep {
            request.extend(quote!(.keep(#keep)));
        }
        Ok(request)
    }

    /// What is asked for, how long it lasts, how long to wait: arguments of `right`.
    pub(crate) fn terms(layer: &Layer) -> Result<TokenStream> {
        let private = private(layer);
        let right = match (layer.primitive, &layer.size, &layer.keep) {
            (Primitive::Once, _, Some(keep)) => quote!(Run { keep: #keep }),
            (Primitive::Once, ..) => quote!(Run { keep: ::core::time::Duration::ZERO }),
            (Primitive::Pooled, Some(size), _) => quote!(Permit { size: #size }),
            _ => quote!(Lease),
        };
        let ttl = match &layer.ttl {
            Some((ttl, written)) => {
                let ttl = ttl.finite("a lease (renewed while the body runs)", written)?;
                quote!(::core::option::Option::Some(#ttl))
            }
            None => quote!(::core::option::Option::None),
        };
        let wait = match &layer.wait {
            Some(Span::For(wait)) => quote!(For(#wait)),
            Some(Span::Forever) => quote!(Forever),
            None => quote!(No),
        };
        Ok(quote!(#private::Want::#right, #ttl, #private::Wait::#wait))
    }

    /// What a call returns that did not run.
    pub(crate) fn refuse(&self, layer: &Layer) -> Result<TokenStream> {
        let (private, returned, Names { why, out, .. }) = (private(layer), self.returned(), &self.names);
        match &layer.otherwise {
            Some(closure @ Expr::Closure(_)) => return Ok(quote!(#private::decide::<#returned>(#closure, #why))),
            Some(value) => return Ok(quote!({ let _ = #why; #value })),
            None => {}
        }
        let Some(handler) = &layer.on_full else { return Ok(self.refuse_by_type(layer)) };
        let arguments =
            self.parameters.iter().filter(|p| !p.is_self()).map(|p| {
                p.plain().ok_or_else(|| Error::new(p.argument.span(), "`on_full` needs plain parameter names"))
            });
        let arguments: Vec<_> = arguments.collect::<Result<_>>()?;
        let receiver = self.parameters.iter().find(|p| p.is_self()).map(|p| &p.names);
        let receiver = receiver.into_iter().flatten();
        let wait = self.is_async().then(|| quote!(.await));
        // a full pool is the handler's, and so is any other reason that the return type cannot say
        Ok(quote! {
            match {
                #[allow(unused_imports)]
                use #private::{SaysNothing as _, SaysWhy as _};
                (&#private::Probe::<#returned>::NEW).unless_full(#why)
            } {
                ::core::option::Option::Some(#out) => #out,
                ::core::option::Option::None => {
                    #private::checked(#why);
                    #handler(#(#receiver,)* #(#arguments),*)#wait
                }
            }
        })
    }

    fn refuse_by_type(&self, layer: &Layer) -> TokenStream {
        let (private, why, returned) = (private(layer), &self.names.why, self.returned());
        match layer.primitive {
            Primitive::Lock => quote!(#private::refuse_lock::<#returned>(#why)),
            _ => quote!(#private::refuse::<#returned>(#why)),
        }
    }
}
