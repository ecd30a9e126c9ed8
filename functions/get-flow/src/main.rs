//! The `get-flow` function on Lambda; everything is in the library.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    latchkey_web::lambda::serve(get_flow::App::start, |app, request| Box::pin(get_flow::handle(app, request))).await
}
