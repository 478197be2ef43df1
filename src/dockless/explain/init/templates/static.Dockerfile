FROM nginx:@{nginx}
COPY nginx.conf /etc/nginx/nginx.conf
COPY @{output} /usr/share/nginx/html
USER nginx
EXPOSE 8080
