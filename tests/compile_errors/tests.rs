//! Each compile error a user can meet, with its message; and what must compile.
//!
//! A message is documentation: it names what is wrong in the user's words, at the user's place, and says what to
//! write. After a change run it with `TRYBUILD=overwrite` and read the difference.

#[test]
fn every_error_says_what_to_write() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("ui/[!h]*.rs");
    cases.pass("ui/hygiene.rs");
}
