#include "ctl/http_get.h"

#include <curl/curl.h>

struct receiver {
    struct buf *body;
    size_t got;
};

/** A short count ends the exchange: the document is too large. */
/* NOLINTNEXTLINE(readability-non-const-parameter): libcurl's type */
static size_t on_body(char *bytes, size_t size, size_t count, void *user)
{
    struct receiver *receiver = user;
    receiver->got += size * count;
    if (receiver->got > HTTP_GET_BODY_MAX)
        return 0;
    buf_append(receiver->body, (struct str){.data = bytes, .len = size * count});
    return size * count;
}

static CURLcode set_options(CURL *easy, const struct http_get *get, struct receiver *receiver)
{
    const struct {
        CURLoption option;
        long value;
    } numbers[] = {
        {CURLOPT_NOSIGNAL, 1},
        {CURLOPT_FOLLOWLOCATION, 0},
        {CURLOPT_SSL_VERIFYPEER, 1},
        {CURLOPT_SSL_VERIFYHOST, 2},
        {CURLOPT_TIMEOUT_MS, (long)get->timeout_ms},
        {CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1},
    };
    const struct {
        CURLoption option;
        const char *value;
    } texts[] = {
        {CURLOPT_URL, get->url},
        {CURLOPT_PROTOCOLS_STR, "http,https"},
        {CURLOPT_PROXY, get->proxy != NULL ? get->proxy : ""},
        {CURLOPT_USERAGENT, "refreshctl/" REFRESHD_VERSION},
        {CURLOPT_CAINFO, get->ca_file},
    };
    CURLcode code = curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    if (code == CURLE_OK)
        code = curl_easy_setopt(easy, CURLOPT_WRITEDATA, receiver);
    for (size_t i = 0; code == CURLE_OK && i < ARRAY_LEN(numbers); i++)
        code = curl_easy_setopt(easy, numbers[i].option, numbers[i].value);
    for (size_t i = 0; code == CURLE_OK && i < ARRAY_LEN(texts); i++) {
        if (texts[i].value != NULL)
            code = curl_easy_setopt(easy, texts[i].option, texts[i].value);
    }
    return code;
}

enum status http_get_run(const struct http_get *get, int *ret_status, struct buf *ret_body,
                         struct error *err)
{
    struct receiver receiver = {.body = ret_body};
    char why[CURL_ERROR_SIZE] = "";
    long status = 0;
    CURL *easy = curl_easy_init();
    struct curl_slist *headers = curl_slist_append(NULL, "Accept: application/json");
    CURLcode code =
        easy == NULL || headers == NULL ? CURLE_OUT_OF_MEMORY : set_options(easy, get, &receiver);
    if (code == CURLE_OK)
        code = curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, why);
    if (code == CURLE_OK)
        code = curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    if (code == CURLE_OK)
        code = curl_easy_perform(easy);
    if (code == CURLE_OK)
        code = curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    curl_slist_free_all(headers);
    curl_easy_cleanup(easy);
    *ret_status = (int)status;
    if (code == CURLE_OK)
        return STATUS_OK;
    if (receiver.got > HTTP_GET_BODY_MAX)
        return error_set(err, STATUS_UNAVAILABLE, "%.200s: expected a document of at most 1 MiB",
                         get->url);
    return error_set(err, STATUS_UNAVAILABLE, "%.200s: %s", get->url,
                     why[0] != '\0' ? why : curl_easy_strerror(code));
}
