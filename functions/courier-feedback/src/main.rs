//! The `courier-feedback` function on Lambda; everything is in the library.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    latchkey_web::lambda::serve_events(courier_feedback::App::start, |app, event, context| {
        Box::pin(courier_feedback::answer(app, event, context))
    })
    .await
}
