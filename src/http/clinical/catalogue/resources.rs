//! The paths of each resource, written once as a macro because an OpenAPI path is a literal.

/// A module with the handlers of one resource: `plural: Row from Draft, "what it is called"`.
macro_rules! resource {
    ($plural:ident: $row:ident from $draft:ident, $noun:literal, $all:literal, $each:literal) => {
        #[doc = concat!("The paths of the ", stringify!($plural), ".")]
        pub(super) mod $plural {
            use axum::extract::{RawQuery, State};
            use axum::http::StatusCode;
            use axum::response::Response;
            use utoipa_axum::router::OpenApiRouter;
            use utoipa_axum::routes;

            use crate::domain::clinical::catalogue::$draft;
            use crate::error::Result;
            use crate::http::App;
            use crate::http::caller::{AdminOrService, Optional};
            use crate::http::clinical::catalogue::filters::Filters;
            use crate::http::clinical::catalogue::write::Author;
            use crate::http::clinical::catalogue::{read, write};
            use crate::http::context::{Context, Path};
            use crate::http::json::Json;
            use crate::http::page::{List, Page, PageParams};
            use crate::http::patch::Patch;
            use crate::http::precondition::{IfMatch, IfNoneMatch};
            use crate::http::problem::ProblemBody;
            use crate::persistence::clinical::catalogue::$row;

            /// The routes of this resource.
            pub(in super::super) fn routes() -> OpenApiRouter<App> {
                OpenApiRouter::new()
                    .routes(routes!(list, create))
                    .routes(routes!(one, replace, patch, delete))
            }

            #[doc = concat!("Lists the ", stringify!($plural), ", newest first.")]
            #[utoipa::path(
                get, path = $all, tag = "catalog",
                operation_id = concat!("list_", stringify!($plural)),
                params(Filters, PageParams),
                responses(
                    (status = 200, body = Page<$row>),
                    (status = 304, description = "The caller has this page"),
                    (status = 400, description = "Unknown filter or bad cursor", body = ProblemBody),
                ),
            )]
            async fn list(
                State(app): State<App>,
                Optional(caller): Optional,
                RawQuery(query): RawQuery,
                had: IfNoneMatch,
                page: List<Filters>,
            ) -> Result<Response> {
                read::list::<$row>(&app, caller.as_ref(), query.as_deref(), &had, page).await
            }

            #[doc = concat!("Shows one ", $noun, ".")]
            #[utoipa::path(
                get, path = $each, tag = "catalog", operation_id = concat!("get_", $noun),
                params(("id" = i64, Path)),
                responses(
                    (status = 200, body = $row, headers(("ETag" = String))),
                    (status = 304, description = "The caller has this version"),
                ),
            )]
            async fn one(
                State(app): State<App>,
                had: IfNoneMatch,
                Path(id): Path<i64>,
            ) -> Result<Response> {
                read::one::<$row>(&app, id, &had).await
            }

            #[doc = concat!("Adds a ", $noun, ".")]
            #[utoipa::path(
                post, path = $all, tag = "catalog", operation_id = concat!("create_", $noun),
                request_body = $draft,
                responses(
                    (status = 201, body = $row, headers(("Location" = String), ("ETag" = String))),
                    (status = 409, description = "Taken, or in contradiction", body = ProblemBody),
                ),
            )]
            async fn create(
                State(app): State<App>,
                AdminOrService(caller): AdminOrService,
                context: Context,
                Json(draft): Json<$draft>,
            ) -> Result<Response> {
                write::create::<$row>(&app, &Author { caller, context }, draft).await
            }

            #[doc = concat!("Writes every field of a ", $noun, ".")]
            #[utoipa::path(
                put, path = $each, tag = "catalog", operation_id = concat!("replace_", $noun),
                params(("id" = i64, Path), ("If-Match" = Option<String>, Header)),
                request_body = $draft,
                responses(
                    (status = 200, body = $row, headers(("ETag" = String))),
                    (status = 409, description = "Taken, or in contradiction", body = ProblemBody),
                ),
            )]
            async fn replace(
                State(app): State<App>,
                AdminOrService(caller): AdminOrService,
                context: Context,
                condition: IfMatch,
                Path(id): Path<i64>,
                Json(draft): Json<$draft>,
            ) -> Result<Response> {
                let author = Author { caller, context };
                write::replace::<$row>(&app, &author, &condition, id, draft).await
            }

            #[doc = concat!("Writes the given fields of a ", $noun, ".")]
            #[utoipa::path(
                patch, path = $each, tag = "catalog", operation_id = concat!("patch_", $noun),
                params(("id" = i64, Path), ("If-Match" = Option<String>, Header)),
                request_body = $draft,
                responses(
                    (status = 200, body = $row, headers(("ETag" = String))),
                    (status = 409, description = "Taken, or in contradiction", body = ProblemBody),
                ),
            )]
            async fn patch(
                State(app): State<App>,
                AdminOrService(caller): AdminOrService,
                context: Context,
                condition: IfMatch,
                Path(id): Path<i64>,
                Json(fields): Json<Patch>,
            ) -> Result<Response> {
                let author = Author { caller, context };
                write::patch::<$row>(&app, &author, &condition, id, fields).await
            }

            #[doc = concat!("Removes a ", $noun, " from lists and reads.")]
            #[utoipa::path(
                delete, path = $each, tag = "catalog", operation_id = concat!("delete_", $noun),
                params(("id" = i64, Path), ("If-Match" = Option<String>, Header)),
                responses(
                    (status = 204),
                ),
            )]
            async fn delete(
                State(app): State<App>,
                AdminOrService(caller): AdminOrService,
                context: Context,
                condition: IfMatch,
                Path(id): Path<i64>,
            ) -> Result<StatusCode> {
                let author = Author { caller, context };
                write::delete::<$row>(&app, &author, &condition, id).await
            }
        }
    };
}

resource!(exams: Exam from ExamDraft, "exam", "/api/v1/catalog/exams", "/api/v1/catalog/exams/{id}");
resource!(prices: Price from PriceDraft, "price", "/api/v1/catalog/prices", "/api/v1/catalog/prices/{id}");
resource!(categories: Category from CategoryDraft, "category", "/api/v1/catalog/categories", "/api/v1/catalog/categories/{id}");
resource!(packages: Package from PackageDraft, "package", "/api/v1/catalog/packages", "/api/v1/catalog/packages/{id}");
resource!(locations: Location from LocationDraft, "location", "/api/v1/catalog/locations", "/api/v1/catalog/locations/{id}");
