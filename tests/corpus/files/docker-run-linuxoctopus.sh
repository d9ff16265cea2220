docker run -d -p 80:8080 -e ACCEPT_EULA=Y -e CREATE_DB=Y -e ADMIN_USERNAME=admin -e ADMIN_PASSWORD=Password01! \
  -e "CONNSTRING=Server=mssql,1433;Database=Octopus;User Id=SA;Password=Password01!" -e LICENSE_BASE64=PExpY2Vuc2UgU2lnbmF0dXJlPSJjMmxuYm1GMGRYSmwiPgogIDxMaWNlbnNlZFRvPkV4YW1wbGU8L0xpY2Vuc2VkVG8+CjwvTGljZW5zZT4K \
  octopusdeploy/linuxoctopus:2019.13.5
