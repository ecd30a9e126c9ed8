//! The `authorizer` function on Lambda; everything is in the library.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    latchkey_web::lambda::serve_events(authorizer::App::start, |app, event, context| {
        Box::pin(authorizer::answer(app, event, context))
    })
    .await
}
