//! What becomes of a failed load for those who waited for it.

use crate::{
    Home, Primitive,
    arguments::Layer,
    borrowed,
    function::{Function, private},
    values::Passing,
};
use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{ReturnType, spanned::Spanned};

impl Function {
    /// What of the result counts, and what is passed on of a failure.
    pub(crate) fn passing(&self, layer: &Layer) -> TokenStream {
        let whole = self.whole(layer);
        if layer.primitive != Primitive::Cached || layer.keeps_all() {
            return whole;
        }
        let (private, returned) = (private(layer), self.returned());
        match &layer.passing {
            Passing::By(copy) => {
                let pass_on = quote_spanned!(returned.span()=> #private::pass_on::<#returned, _, _>);
                quote!(#pass_on(#whole, #copy))
            }
            // what is borrowed from the call is nobody else's
            Passing::ByType if layer.home == Home::Std && !self.lends() => quote! {{
                use #private::{IsAny as _, IsCopied as _, IsOption as _, IsResult as _, IsTold as _};
                (&&&&#private::Probe::<#returned>::NEW).shape()
            }},
            Passing::ByType | Passing::Never => whole,
        }
    }

    /// Whether anything that is returned is borrowed from the call, as far as it shows.
    fn lends(&self) -> bool {
        match &self.item.sig.output {
            ReturnType::Type(_, returned) => borrowed::from_call(returned).is_some(),
            ReturnType::Default => false,
        }
    }
}
