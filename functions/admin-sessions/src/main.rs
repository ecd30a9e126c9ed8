//! The `admin-sessions` function on Lambda; everything is in the library.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    latchkey_web::lambda::serve(admin_sessions::App::start, |app, request| {
        Box::pin(admin_sessions::handle(app, request))
    })
    .await
}
