//! The methods: how each fills a form and takes a submission. One folder per method, one file per flow in it.
//!
//! A method is given values and returns data. It sees no table, no header and no reply, and never knows which kind of client asks.
//!
//! | module | holds |
//! |---|---|
//! | [`form`] | how a method fills forms |
//! | [`forms`] | the forms of each flow: a list of methods |
//! | [`submit`] | how a method takes submissions, and what comes of one |
//! | [`engine`] | what a method may ask for while it verifies |
//! | [`settings`] | what the methods need of the configuration |
//! | [`password`] | identifier and password |
//! | [`code`] | a code that is sent to an address |
//! | [`identifier_first`] | the identifier first, then the methods that are left |
//! | [`unavailable`] | methods that this release recognises and does not have |

pub mod code;
pub mod engine;
pub mod form;
pub mod forms;
pub mod identifier_first;
pub mod password;
pub mod settings;
pub mod submit;
pub mod unavailable;
