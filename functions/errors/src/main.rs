//! The `errors` function on Lambda; everything is in the library.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    latchkey_web::lambda::serve(errors::App::start, |app, request| Box::pin(errors::handle(app, request))).await
}
