//! The `init-browser` function on Lambda; everything is in the library.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    latchkey_web::lambda::serve(init_browser::App::start, |app, request| Box::pin(init_browser::handle(app, request)))
        .await
}
