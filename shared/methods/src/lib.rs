//! The login methods: how each fills a form and handles a submission.
//!
//! Every method has the same verbs, in the same order: `populate` the form, `parse` the payload, `verify` it. A method never
//! sees a table or a header; it is given values and returns an outcome.
//!
//! | module | holds |
//! |---|---|
//! | [`form`] | a flow's form, put together from the methods that serve it |
//! | [`submission`] | which method a submission is for |
//! | [`password`] | identifier and password |
//! | [`code`] | a code that is sent to an address |
//! | [`identifier_first`] | the identifier first, then what its owner may go on with |

pub mod code;
pub mod form;
pub mod identifier_first;
pub mod password;
pub mod submission;
