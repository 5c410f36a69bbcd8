//! Lock, once and pooled: ask, run the body, give back; or return what a call returns that did not run.

use crate::{
    Primitive,
    arguments::Layer,
    function::{Function, Names, private},
    key::Key,
};
use proc_macro2::{Ident, TokenStream};
use quote::quote;
use syn::{Error, Expr, Path, Result, spanned::Spanned};

impl Function {
    /// Lock, once and pooled: ask, run `closure` beside what renews, give back.
    ///
    /// The lease is made in its place, with its key rendered there: it is too large to be moved about on a device.
    pub(crate) fn leased(&self, layer: &Layer, key: &Key, closure: &TokenStream) -> Result<TokenStream> {
        let Names { instance, held, why, shape, out, .. } = &self.names;
        let render = key.render_into(&quote!(#held.key_mut()));
        let (terms, refuse) = (Self::terms(layer)?, self.refuse(layer)?);
        let (named, fits) = (self.named(layer), self.fits(layer, key));
        let guard = layer.guard.as_ref().map(|guard| quote!(let #guard = &#held;));
        let (private, of, returned) = (private(layer), self.shape(layer, self.whole(layer)), self.returned());
        let label = layer.label.as_ref().map(|label| quote!(.labelled(#private::Label::new(#label))));
        let hidden = (layer.primitive == Primitive::Once).then(|| {
            quote! {
                if #private::Shape::<#returned>::hides(&#shape) {
                    #held.hidden();
                }
            }
        });
        let [polled, beats, cx] =
            ["polled", "beats", "cx"].map(|name| Ident::new(name, proc_macro2::Span::mixed_site()));
        let (make, ask, run, finish, wait) = if self.is_async() {
            let run = quote! {
                let mut #polled = ::core::pin::pin!(#private::begun(#closure));
                let mut #beats = ::core::pin::pin!(#held.beats());
                ::core::future::poll_fn(|#cx| #private::carried(#polled.as_mut(), #beats.as_mut(), #cx)).await
            };
            (quote!(lease), quote!(acquire), run, quote!(finish), quote!(.await))
        } else {
            let run = quote!(#private::run(#closure));
            (quote!(lease_blocking), quote!(acquire_blocking), run, quote!(finish_blocking), TokenStream::new())
        };
        Ok(quote! {
            #fits
            let mut #held = { #instance.#make(#terms) #label };
            #render
            let #why = { #held.#ask()#wait };
            match #why {
                ::core::result::Result::Ok(()) => {
                    let #shape = #of;
                    let #out = {
                        #guard
                        #run
                    };
                    #hidden
                    #held.#finish(#private::Shape::keep(&#shape, &#out).is_some())#wait;
                    #out
                }
                ::core::result::Result::Err(#why) => {
                    // before whatever is done instead, however long that takes
                    #held.refused();
                    let #why = #named;
                    #refuse
                }
            }
        })
    }

    /// What is asked for, how long it lasts, how long to wait.
    pub(crate) fn terms(layer: &Layer) -> Result<TokenStream> {
        let private = private(layer);
        let keep = layer.keep.as_ref().and_then(|keep| keep.duration(&private));
        let right = match (layer.primitive, &layer.size, keep) {
            (Primitive::Once, _, Some(keep)) => quote!(Run { keep: #keep }),
            (Primitive::Once, ..) => quote!(Run { keep: ::core::time::Duration::ZERO }),
            (Primitive::Pooled, Some(size), _) => quote!(Permit { size: #size }),
            _ => quote!(Lock),
        };
        let ttl = match &layer.ttl {
            Some((ttl, written)) => {
                let ttl = ttl.clone().finite("a lease (renewed while the body runs)", written)?.duration(&private);
                quote!(::core::option::Option::Some(#ttl))
            }
            None => quote!(::core::option::Option::None),
        };
        let wait = match &layer.wait {
            Some(wait) => wait.duration(&private).map_or_else(|| quote!(Forever), |wait| quote!(For(#wait))),
            None => quote!(No),
        };
        let renew = layer.renew;
        Ok(quote!(#private::LeaseOf::#right, #ttl, #private::Wait::#wait, #renew))
    }

    /// What a call returns that did not run.
    pub(crate) fn refuse(&self, layer: &Layer) -> Result<TokenStream> {
        let (private, why) = (private(layer), &self.names.why);
        let rest = match (&layer.otherwise, &layer.on_full) {
            (Some(said), _) => self.said(layer, said),
            (None, Some(handler)) => self.hand_on(layer, handler)?,
            (None, None) => self.refuse_by_type(layer),
        };
        let Some(said) = &layer.when_busy else { return Ok(rest) };
        let said = self.said(layer, said);
        Ok(quote!(if #private::Refused::is_contended(#why) { #said } else { #rest }))
    }

    /// A value that was said, or what a closure makes of the reason.
    fn said(&self, layer: &Layer, said: &Expr) -> TokenStream {
        let (private, returned, why) = (private(layer), self.returned(), &self.names.why);
        match said {
            Expr::Closure(closure) => quote!(#private::decide::<#returned>(#closure, #why)),
            value => quote!({ let _ = #why; #value }),
        }
    }

    /// What the handler of a full pool returns.
    fn hand_on(&self, layer: &Layer, handler: &Path) -> Result<TokenStream> {
        let (private, returned, Names { why, out, .. }) = (private(layer), self.returned(), &self.names);
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
                use #private::Refuses as _;
                (&&&#private::Probe::<#returned>::NEW).unless_full(#why)
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
        let refuse = match layer.primitive {
            Primitive::Lock => quote!(refuse_lock),
            _ => quote!(refuse),
        };
        quote! {{
            use #private::Refuses as _;
            #private::#refuse::<#returned, _>((&&&#private::Probe::<#returned>::NEW).made_from(), #why)
        }}
    }
}
