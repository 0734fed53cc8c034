// SPDX-License-Identifier: MPL-2.0
#include <ctms/model/api_client.hpp>

#include <ostream>

namespace ctms::model {

std::ostream& operator<<(std::ostream& out, role one) { return out << to_string(one); }

} // namespace ctms::model
