//! Loads that may take so long, or go on without their caller, in the expansion.

use crate::{
    arguments::Layer,
    function::{Function, Names, private},
};
use proc_macro2::{Ident, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;

impl Function {
    /// A closure which ends when its time is over.
    pub(crate) fn limited(&self, layer: &Layer, closure: &TokenStream) -> TokenStream {
        let Some((limit, _)) = &layer.limits.hard else { return closure.clone() };
        let (private, returned, instance) = (private(layer), self.returned(), &self.names.instance);
        let limit = limit.duration(&private);
        let over = self.refusing(layer, &quote_spanned!(returned.span()=> #private::refuse_closed::<#returned, _>));
        quote!(async move || #instance.limited(#limit, (#closure)(), #over).await)
    }

    /// A function that returns in the place of a value why there is none.
    pub(crate) fn refusing(&self, layer: &Layer, refuse: &TokenStream) -> TokenStream {
        let (private, returned, why) = (private(layer), self.returned(), &self.names.why);
        let named = self.named(layer);
        quote! {
            |#why| {
                use #private::Refuses as _;
                #refuse((&&&#private::Probe::<#returned>::NEW).made_from(), #named)
            }
        }
    }

    /// A call that missed, `call`, in the task that it runs in; a value that is there is served when that takes long, unless
    /// it is loaded `again`, as one that tells where its value came from knows.
    pub(crate) fn detached(
        &self,
        layer: &Layer,
        call: &TokenStream,
        prepare: &TokenStream,
        again: Option<&Ident>,
    ) -> TokenStream {
        let (private, Names { instance, key, shape, codec, .. }) = (private(layer), &self.names);
        let run = quote!(#private::in_a_task(#private::boxed(async move { #call })));
        let Some((limit, _)) = &layer.limits.soft else { return quote!(#run.await) };
        let limit = limit.duration(&private);
        let [own, of, by, task] =
            ["own", "of", "by", "task"].map(|name| Ident::new(name, proc_macro2::Span::mixed_site()));
        let (unless, or_stale) = match again {
            Some(again) => (Some(quote!(if #again { #task.await } else)), quote!(fetched_or_stale)),
            None => (None, quote!(or_stale)),
        };
        // made before the arguments go into the task
        quote! {{
            let #own = ::core::clone::Clone::clone(&#key);
            let (#of, #by) = {
                #prepare
                (#shape, #codec)
            };
            let #task = #run;
            #unless { #instance.#or_stale(&#own, (&#of, &#by), #limit, #task).await }
        }}
    }
}
