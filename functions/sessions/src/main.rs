//! The `sessions` function on Lambda; everything is in the library.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    latchkey_web::lambda::serve(sessions::App::start, |app, request| Box::pin(sessions::handle(app, request))).await
}
