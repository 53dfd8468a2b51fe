#include <amq/amq.hpp>

const char* version_of_another_file();
const char* version_of_another_file() {
  return AMQ_VERSION;
}
