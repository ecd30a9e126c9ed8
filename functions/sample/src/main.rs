//! The `sample` function on Lambda; everything is in the library.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    latchkey_web::lambda::serve(sample::App::start, |app, request| Box::pin(sample::handle(app, request))).await
}
