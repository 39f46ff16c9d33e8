/* The first job of a process, for which libcrypto starts. Exit status: that of the first call that failed. */
#include <paxect/core.h>

int main(void) {
  static const char data[5000] = "data";
  static char container[10000];
  size_t size = 0;
  paxect_encoder* encoder = NULL;
  paxect_status status = paxect_encoder_create(NULL, &encoder);
  if (status == PAXECT_OK)
    status = paxect_encoder_encode_buffer(encoder, data, sizeof data, container, sizeof container, &size);
  paxect_encoder_free(encoder);
  return status;
}
