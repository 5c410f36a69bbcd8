//! Lock, once and pooled: ask, run the body, give back; or return what a call returns that did not run.

use crate::{
    Home, Primitive,
    arguments::Layer,
    expand::{Function, Names, private, via},
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
        let (ask, run, finish) = match (self.is_async(), layer.home) {
            (false, _) => {
                let ask = match layer.primitive {
                    Primitive::Once => format_ident!("begin_blocking"),
                    Primitive::Pooled => format_ident!("take_blocking"),
                    _ => format_ident!("acquire_blocking"),
                };
                let finish = quote!(#held.finish_blocking(&#shape, &#out));
                (quote!(#instance.#request.#ask()), quote!((#closure)()), finish)
            }
            (true, Home::Std) => {
                let ask = match layer.primitive {
                    Primitive::Once => format_ident!("begin"),
                    Primitive::Pooled => format_ident!("take"),
                    _ => format_ident!("acquire"),
                };
                let ask = quote!(#instance.#request.#ask().await);
                let run = quote!(#held.carry((#closure)()).await);
                (ask, run, quote!(#held.finish(&#shape, &#out).await))
            }
            // by type: the small brackets where the store is in RAM, the others elsewhere
            (true, Home::Core) => {
                return Ok(self.bracket_in_place(layer, &request, &refuse, &closure));
            }
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

    /// The same where a right is too large to be moved about: asked for in its place, given back from there.
    fn bracket_in_place(
        &self,
        layer: &Layer,
        request: &TokenStream,
        refuse: &TokenStream,
        closure: &TokenStream,
    ) -> TokenStream {
        let Names { instance, held, why, out, shape, .. } = &self.names;
        let (of, via) = (self.shape(layer), via(layer, instance));
        let claimed = format_ident!("{held}_claimed", span = held.span());
        let guard = layer.guard.as_ref().map(|guard| quote!(let #guard = #held;));
        quote! {
            let mut #claimed = { #via.claim(#instance.#request.request()) };
            { #via.turn(&mut #claimed).await };
            match &#claimed {
                ::core::result::Result::Ok(#held) => {
                    let #shape = #of;
                    let #out = { #guard { #via.carry(#held, (#closure)()).await } };
                    { #via.finish(#claimed, &#shape, &#out).await };
                    #out
                }
                ::core::result::Result::Err(#why) => {
                    let #why = *#why;
                    #refuse
                }
            }
        }
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

    /// What a call returns that did not run.
    fn refuse(&self, layer: &Layer) -> Result<TokenStream> {
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
