//! Labels of holders, on real servers.

use super::world::everywhere;
use cachify::Cachify;
use cachify_tests::labels;

#[test]
fn a_holder_is_known_by_its_label_or_that_of_its_instance() {
    everywhere(|server| {
        let builder = || Cachify::builder().prefix("t").redis(server.url());
        labels::are_told(builder(), builder());
    });
}
