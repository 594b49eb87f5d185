//! The page itself, which was built into this program.

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use include_dir::{Dir, include_dir};

/// What `make page` builds.
static PAGE: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/page/dist");

/// Files with their content in their names stay for ever.
const FOREVER: &str = "public, max-age=31536000, immutable";

/// A file of the page; the page itself for all paths that are none, which are its views.
pub(super) async fn file(uri: Uri) -> Response {
    let path = uri.path().trim_start_matches('/');
    let (path, file) = match PAGE.get_file(path) {
        Some(file) => (path, Some(file)),
        // What looks like a file and is not there is a mistake.
        None if path.starts_with("assets/") => (path, None),
        None => ("index.html", PAGE.get_file("index.html")),
    };
    let Some(file) = file else { return StatusCode::NOT_FOUND.into_response() };
    let kind = match path.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("woff2") => "font/woff2",
        Some("png") => "image/png",
        _ => "application/octet-stream",
    };
    let kept = if path.starts_with("assets/") { FOREVER } else { "no-cache" };
    let mut response = Body::from(file.contents()).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(kept));
    response
}
