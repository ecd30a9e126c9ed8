//! The `courier-key` function on Lambda; everything is in the library.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    latchkey_web::lambda::serve_events(courier_key::App::start, |app, event, context| {
        Box::pin(courier_key::answer(app, event, context))
    })
    .await
}
