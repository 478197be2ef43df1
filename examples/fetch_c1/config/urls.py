from django.contrib import admin
from django.urls import path

from records import views

urlpatterns = [
    path("", views.index, name="index"),
    path("api/records", views.api_records, name="api-records"),
    path("healthz", views.healthz, name="healthz"),
    path("admin/", admin.site.urls),
]
