//! The `init-api` function on Lambda; everything is in the library.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    latchkey_web::lambda::serve(init_api::App::start, |app, request| Box::pin(init_api::handle(app, request))).await
}
