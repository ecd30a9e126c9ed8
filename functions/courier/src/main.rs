//! The `courier` function on Lambda; everything is in the library.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    latchkey_web::lambda::serve_events(courier::App::start, |app, event, context| {
        Box::pin(courier::answer(app, event, context))
    })
    .await
}
